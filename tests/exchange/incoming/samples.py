"""Small files as other tools write them, with numbers that can be checked by hand; none is copied from anywhere."""

import json
from typing import Any

from milp_amp.exchange.incoming.given import Given

GPUS = 2

CONFIG: dict[str, Any] = {
    "model_type": "llama",
    "num_hidden_layers": 4,
    "hidden_size": 512,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "intermediate_size": 1536,
    "max_position_embeddings": 1024,
    "vocab_size": 8000,
}

TOPOLOGY = """\
\t\x1b[4mGPU0\tGPU1\tNIC0\tCPU Affinity\tNUMA Affinity\tGPU NUMA ID\x1b[0m
GPU0\t X \tNV12\tPXB\t0-31\t0\t\tN/A
GPU1\tNV12\t X \tSYS\t32-63\t1\t\tN/A
NIC0\tPXB\tSYS\t X \t\t\t\t

Legend:

  X    = Self
  NV#  = a bonded set of # NVLinks

NIC Legend:

  NIC0: mlx5_0
"""

NCCL = """\
# nccl-tests version 2.17.6 nccl-headers=22807 nccl-library=22807
# Collective test starting: sendrecv_perf
# nThread 1 nGpus 1 minBytes 1000 maxBytes 4000000 step: 2(factor) warmup iters: 5 iters: 20
#
# Using devices
#  Rank  0 Group  0 Pid     10 on   worker-1 device  0 [0000:06:00] NVIDIA A100-SXM4-80GB
#  Rank  1 Group  0 Pid     11 on   worker-2 device  0 [0000:06:00] NVIDIA A100-SXM4-80GB
#
#                                                              out-of-place                       in-place
#       size         count      type   redop    root     time   algbw   busbw  #wrong     time   algbw   busbw  #wrong
#        (B)    (elements)                               (us)  (GB/s)  (GB/s)            (us)  (GB/s)  (GB/s)
        1000           250     float    none      -1     10.05   0.10    0.10       0     10.0    0.10    0.10     N/A
     1000000        250000     float    none      -1    100.0   10.00   10.00       0    100.0   10.00   10.00     N/A
     2000000        500000     float    none      -1    133.3   15.00   15.00       0    133.3   15.00   15.00     N/A
     4000000       1000000     float    none      -1    200.0   20.00   20.00       0    200.0   20.00   20.00     N/A
# Out of bounds values : 0 OK
# Avg bus bandwidth    : 11.275
"""

NCCL_TWO_EACH = NCCL.replace("Pid     11 on   worker-2", "Pid     11 on   worker-1").replace(
    "#\n# ",
    "#  Rank  2 Group  0 Pid     12 on   worker-2 device  0 [0000:06:00] NVIDIA A100-SXM4-80GB\n"
    "#  Rank  3 Group  0 Pid     13 on   worker-2 device  1 [0000:07:00] NVIDIA A100-SXM4-80GB\n#\n# ",
    1,
)
"""The same with two devices in each host."""

NCCL_JSON: dict[str, Any] = {
    "version": 2,
    "args": ["build/all_reduce_perf", "-b", "1M"],
    "env": [],
    "nccl_version": 22807,
    "config": {"ngpus": 1, "devices": [{"rank": r, "hostname": "worker-1", "device_info": "H100"} for r in range(2)]},
    "results": [
        {
            "size": 2**k,
            "count": 2 ** (k - 2),
            "type": "float",
            "redop": "sum",
            "root": "-1",
            "out_of_place": {"time": 100.0, "alg_bw": 2**k / 1e5, "bus_bw": 2**k / 1e5, "nwrong": 0.0},
            "in_place": {"time": 100.0, "alg_bw": 1.0, "bus_bw": 1.0, "nwrong": None},
        }
        for k in (20, 21, 22)
    ],
}

HOSTFILE = "# two machines\nworker-1 slots=2\nworker-2 slots=2 max_slots=4\n"

SLURM = """\
NodeName=n1 Arch=x86_64 CoresPerSocket=32
   CPUAlloc=0 CPUTot=64 CPULoad=0.10
   Gres=gpu:a100-sxm4-80gb:2(S:0-1)
   NodeAddr=n1 NodeHostName=n1 Version=23.02
   RealMemory=512000 Sockets=2 Boards=1
   State=IDLE ThreadsPerCore=1 TmpDisk=0 Weight=1

NodeName=n2 Arch=x86_64 CoresPerSocket=32
   Gres=gpu:a100-sxm4-80gb:2(S:0,1),nvme:1
   State=MIXED ThreadsPerCore=1

NodeName=login Arch=x86_64
   Gres=(null)
   State=IDLE

NodeName=n3 Arch=x86_64
   Gres=gpu:a100-sxm4-80gb:2
   State=DOWN*+DRAIN ThreadsPerCore=1
"""

KUBERNETES: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "List",
    "items": [
        {
            "metadata": {"name": "gpu-a.cluster", "labels": {"nvidia.com/gpu.product": "Tesla-T4"}},
            "spec": {},
            "status": {"capacity": {"cpu": "64", "nvidia.com/gpu": "4"}},
        },
        {
            "metadata": {"name": "gpu-b.cluster", "labels": {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"}},
            "spec": {"unschedulable": False},
            "status": {"capacity": {"nvidia.com/gpu": "8"}},
        },
        {
            "metadata": {"name": "gpu-c.cluster", "labels": {"nvidia.com/gpu.product": "NVIDIA-L4"}},
            "spec": {"unschedulable": True},
            "status": {"capacity": {"nvidia.com/gpu": "1"}},
        },
        {"metadata": {"name": "control", "labels": {}}, "status": {"capacity": {"cpu": "8"}}},
    ],
}


def metis_profile(tensor_parallel: int, microbatch: int) -> dict[str, Any]:
    """Layers of 1, 2, 2 and 1 million parameters in single precision; a layer takes 3 ms per sequence, divided."""
    layers = [4e6, 8e6, 8e6, 4e6]
    state = [18 * size / 4 / tensor_parallel / 2**20 for size in layers]
    return {
        "model": {"model_name": "tiny", "num_layers": 4, "parameters": {"parameters_per_layer_bytes": layers}},
        "execution_time": {
            "total_time_ms": 99.0,
            "layer_compute_total_ms": [3.0 * microbatch / tensor_parallel] * 4,
        },
        "execution_memory": {
            "total_memory": 999,
            # 10 MiB per sequence that a tensor group keeps whole, and 20 that it divides.
            "layer_memory_total_mb": [size + microbatch * (10 + 20 / tensor_parallel) for size in state],
        },
    }


METIS_CLUSTER: dict[str, Any] = {
    "10.0.0.1": {"instance_type": "A100", "inter_bandwidth": 10, "intra_bandwidth": 50, "memory": 80},
    "10.0.0.2": {"instance_type": "A100", "inter_bandwidth": 10, "intra_bandwidth": 50, "memory": 80},
}

METIS_HOSTS = "10.0.0.1 slots=2\n10.0.0.2 slots=2\n"

SAILOR_SIZES: dict[str, Any] = {
    str(t): {
        str(layer): {
            "params_floats": 1000 // t,
            "act_mem_floats": 1_000_000 + 3_000_000 // t,
            "act_output_floats": 250_000,
            "act_input_floats": 250_000,
        }
        for layer in range(3)
    }
    for t in (1, 2)
}

SAILOR_PROFILE: dict[str, Any] = {
    str(b): {str(t): {str(layer): [0.002 * b / t, 0.004 * b / t, 0.0005 / t] for layer in range(3)} for t in (1, 2)}
    for b in (1, 2)
}

SAILOR_INTRA: dict[str, Any] = {"A100-40": {"1": [[0, 0, 40], 40e9], "2": [[0, 1, 50], 60e9]}}

SAILOR_INTER: dict[str, Any] = {
    here: {
        "A100-40": {
            str(s): {
                there: {"A100-40": {str(r): [[0, 0.5, 4], 5e9 if here == there else 2e9] for r in (1, 2)}}
                for there in ("zone-a", "zone-b")
            }
            for s in (1, 2)
        }
    }
    for here in ("zone-a", "zone-b")
}

GALVATRON_TIMES: dict[str, Any] = {
    f"layernum[{layers}]_bsz{b}_seq1024": 3.0 * b + 2.0 * b * layers for layers in (2, 4) for b in (1, 2)
} | {"layertype_0_bsz1_seq1024": 2.0}

GALVATRON_ALLREDUCE: dict[str, Any] = {
    "allreduce_size_4_consec_1": 20.0,
    "allreduce_size_2_consec_1": 100.0,
    "allreduce_size_2_consec_0": 21.0,
}

GALVATRON_P2P: dict[str, Any] = {"pp_size_2": 18.0, "pp_size_4": 17.0}

PIPER: dict[str, Any] = {
    "maxDevices": 4,
    "maxMemoryPerDevice": 16 * 2**30,
    "bandwidth": 25e9,
    "mbsInBatch": 8,
    "nodes": [
        {
            "id": node,
            "name": name,
            "TMPCs": {
                str(t): [
                    {
                        "id": variant,
                        "timePerSample": 0.003 / t * slower,
                        "parameterSize": 4e6 / t,
                        "memoryUsageA": 10e6 / t,
                        "memoryUsageB": 16e6 / t,
                        "syncTimeFw": {},
                        "syncTimeBw": {},
                    }
                    for variant, slower in (("vanilla", 1), ("recompute", 1.3))
                ]
                for t in (1, 2)
            },
        }
        for node, name in ((7, "first"), (3, "second"), (5, "third"))
    ],
    "edges": [
        {"sourceId": 7, "destId": 3, "communicationCost": 8e6},
        {"sourceId": 3, "destId": 5, "communicationCost": 4e6},
    ],
}


def _partitioning_node(node: int, back: bool) -> dict[str, Any]:
    return {
        "id": node + 10 * back,
        "name": f"n{node}",
        "supportedOnFpga": 1,
        "cpuLatency": 99.0,
        "fpgaLatency": 2.0 if back else 1.0,
        "isBackwardNode": int(back),
        "colorClass": node,
        "size": 4e6,
    }


PARTITIONING: dict[str, Any] = {
    "maxSizePerFPGA": 17e9,
    "maxFPGAs": 2,
    "maxCPUs": 1,
    "nodes": [_partitioning_node(node, back) for node in (1, 2, 3) for back in (False, True)],
    "edges": [
        {"sourceId": 1, "destId": 2, "cost": 0.5, "size": 1.0},
        {"sourceId": 2, "destId": 3, "cost": 0.25, "size": 1.0},
        {"sourceId": 13, "destId": 12, "cost": 0.25, "size": 1.0},
        {"sourceId": 12, "destId": 11, "cost": 0.5, "size": 1.0},
        {"sourceId": 3, "destId": 13, "cost": 0.0, "size": 1.0},
    ],
}


def given(content: Any, name: str = "sample") -> Given:
    """Return a file of bytes, of text, or of a JSON document."""
    if isinstance(content, str):
        return Given(name, content.encode())
    return Given(name, content if isinstance(content, bytes) else json.dumps(content).encode())
