"""Write ``instances/synthetic/layers-98-devices-384.json``: long, granular, three classes of devices.

The layers are nearly equal, so the min-max part of the problem is granular: a linear relaxation averages
the bottleneck away and says little. Run from the root of the repository; the seed is fixed. A file that
already says the same is left as it is. ``make_family.py`` writes the other instances of the family.
"""

import random
from pathlib import Path

from milp_amp.problem.cluster import Cluster, DeviceType, Link, NodeGroup
from milp_amp.problem.files import read, to_json, write_atomically
from milp_amp.problem.instance import Instance
from milp_amp.problem.model import Layer, Model
from milp_amp.problem.profile import LayerTimes
from milp_amp.problem.workload import Workload

TARGET = Path("instances/synthetic/layers-98-devices-384.json")
SEED = 98
HIDDEN, SEQUENCE, VOCABULARY = 8192, 2048, 50_304
SPEEDS = {"fast": 2.5, "middle": 1.0, "slow": 0.5}
TENSOR_PARALLEL = 8
BLOCK_MS = 60.0
"""Forward milliseconds of one block at speed 1 on eight devices: about 40 TFLOP/s each."""


def forward_ms(jitter: random.Random) -> tuple[float, ...]:
    """Return milliseconds at speed 1: a light first layer, 96 nearly equal blocks and a heavy last one."""
    blocks = [BLOCK_MS * jitter.uniform(0.97, 1.03) for _ in range(96)]
    return (0.2 * BLOCK_MS, *blocks, 1.8 * BLOCK_MS)


def model() -> Model:
    """Return a GPT of 96 blocks, 77 billion parameters."""
    hidden_state, logits = float(SEQUENCE * HIDDEN), float(SEQUENCE * VOCABULARY)
    stored = hidden_state * 10 / 1e6
    layers = [
        Layer(
            name="embedding",
            kind="embedding",
            parameters=VOCABULARY * HIDDEN,
            output_elements=hidden_state,
            activation_MB=0.0,
            activation_sharded_MB=0.0,
        ),
        *(
            Layer(
                name=f"block {k}",
                kind="transformer",
                parameters=12 * HIDDEN**2,
                output_elements=hidden_state,
                activation_MB=stored,
                activation_sharded_MB=2.4 * stored,
            )
            for k in range(96)
        ),
        Layer(
            name="head",
            kind="head",
            activation_MB=0.0,
            parameters=VOCABULARY * HIDDEN,
            output_elements=logits,
            output_sharded=True,
            activation_sharded_MB=4 * logits / 1e6,
        ),
    ]
    return Model(name="gpt-98-layers", layers=tuple(layers))


def cluster() -> Cluster:
    """Return three islands of 16 nodes with 8 devices, joined by slower links."""
    return Cluster(
        device_types={name: DeviceType(memory_GiB=80) for name in SPEEDS},
        nodes=tuple(
            NodeGroup(name=f"{name}-node", count=16, device=name, devices=8, bandwidth_GBps=300) for name in SPEEDS
        ),
        switches=(*(f"{name}-switch" for name in SPEEDS), "core"),
        links=(
            *(Link(source=f"{name}-node", target=f"{name}-switch", bandwidth_GBps=5) for name in SPEEDS),
            *(Link(source=f"{name}-switch", target="core", bandwidth_GBps=2.5) for name in SPEEDS),
        ),
    )


def instance() -> Instance:
    """Return the whole instance."""
    reference = forward_ms(random.Random(SEED))
    return Instance(
        schema_version=1,
        name="layers-98-devices-384",
        source=(
            f"Synthetic, written by benchmarks/make_synthetic.py with seed {SEED}: 98 layers of nearly equal cost with "
            "a light first and a heavy last one, three classes of 128 devices with speeds 2.5 : 1 : 0.5, slower links "
            "between the classes. Only tensor degree 8 is profiled; a batch of 128 gives 128 microbatches where "
            "data degree and microbatch size are 1."
        ),
        model=model(),
        cluster=cluster(),
        profile=tuple(
            LayerTimes(
                device=name,
                tensor_parallel=TENSOR_PARALLEL,
                microbatch_size=1,
                forward_ms=tuple(round(ms / speed, 4) for ms in reference),
            )
            for name, speed in SPEEDS.items()
        ),
        workload=Workload(global_batch_size=128, sequence_length=SEQUENCE, state_bytes=18.0, reserve_GiB=4),
    )


if __name__ == "__main__":
    if not TARGET.exists() or read(TARGET) != instance():
        write_atomically(TARGET, to_json(instance()))
