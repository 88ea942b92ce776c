"""Write ``instances/graphs/*.json``: small clusters whose links, not whose nodes, decide what nodes exchange.

Run from the root of the repository. Small enough that every plan can be enumerated.
"""

from pathlib import Path

from milp_amp.problem.cluster import Cluster, DeviceType, Link, NodeGroup
from milp_amp.problem.files import to_json, write_atomically
from milp_amp.problem.instance import Instance
from milp_amp.problem.model import Layer, Model
from milp_amp.problem.profile import LayerTimes
from milp_amp.problem.workload import Workload

FOLDER = Path("instances/graphs")
BLOCKS, DEPTH = 6, 4
HIDDEN, SEQUENCE = 1024, 1024
TRANSFORMER_MS = {"V100": 4.0, "T4": 5.0}
"""Forward milliseconds of one transformer layer and one sequence, rounded from AMP's ``src/known_cost``."""

MODEL = (
    "Model: the 24 transformer layers of GPT-2 345M (hidden 1024, sequence 1024) in six blocks of four, 4 ms each on a "
    "V100 and 5 ms on a T4, rounded from AMP, NeurIPS 2022, repository DachengLi1/AMP, src/known_cost; single "
    "precision, full recomputation (each layer keeps its input)."
)


def model() -> Model:
    """Return six equal blocks."""
    block = Layer(
        name="block",
        kind="transformer",
        repeat=BLOCKS,
        parameters=DEPTH * 12 * HIDDEN**2,
        output_elements=HIDDEN * SEQUENCE,
        activation_MB=DEPTH * 4 * HIDDEN * SEQUENCE / 1e6,
    )
    return Model(name="gpt2-345m-blocks", layers=(block,))


def instance(name: str, source: str, cluster: Cluster, batch: int) -> Instance:
    """Return one question about the model."""
    kinds = {group.device for group in cluster.nodes}
    return Instance(
        schema_version=1,
        name=name,
        source=f"{source} {MODEL}",
        model=model(),
        cluster=cluster,
        profile=tuple(
            LayerTimes(device=kind, tensor_parallel=1, microbatch_size=1, forward_ms=(DEPTH * ms,) * BLOCKS)
            for kind, ms in TRANSFORMER_MS.items()
            if kind in kinds
        ),
        workload=Workload(
            global_batch_size=batch,
            sequence_length=SEQUENCE,
            element_bytes=4,
            gradient_bytes=4,
            state_bytes=16,
            reserve_GiB=1,
        ),
    )


def fat_tree() -> Instance:
    """Two leaf switches of two nodes each, and two spines."""
    leaves, spines = ("left", "right"), ("spine-0", "spine-1")
    cluster = Cluster(
        device_types={"T4": DeviceType(memory_GiB=14.75)},
        nodes=tuple(
            NodeGroup(name=f"{leaf}-node", count=2, device="T4", devices=1, bandwidth_GBps=12.5) for leaf in leaves
        ),
        switches=(*leaves, *spines),
        links=(
            *(Link(source=f"{leaf}-node", target=leaf, bandwidth_GBps=12.5) for leaf in leaves),
            *(Link(source=leaf, target=spine, bandwidth_GBps=1.25) for leaf in leaves for spine in spines),
        ),
    )
    source = (
        "Synthetic, written by benchmarks/make_graphs.py: a fat tree of two leaf switches with two nodes of one T4 "
        "each at 100 Gb/s, and 10 Gb/s from every leaf to each of two spines: 10 : 1 oversubscribed."
    )
    return instance("fat-tree", source, cluster, batch=16)


def two_sites() -> Instance:
    """Two sites, a thin direct way between them, and a relay that forwards."""
    cluster = Cluster(
        device_types={"V100": DeviceType(memory_GiB=15.78), "T4": DeviceType(memory_GiB=14.75)},
        nodes=(
            NodeGroup(name="east", count=2, device="V100", devices=1, bandwidth_GBps=12.5),
            NodeGroup(name="relay", device="T4", devices=1, bandwidth_GBps=12.5, nic_GBps=0.625),
            NodeGroup(name="west", count=2, device="V100", devices=1, bandwidth_GBps=12.5),
        ),
        switches=("east-switch", "west-switch"),
        links=(
            Link(source="east", target="east-switch", bandwidth_GBps=12.5),
            Link(source="west", target="west-switch", bandwidth_GBps=12.5),
            Link(source="relay", target="east-switch", bandwidth_GBps=1.25),
            Link(source="relay", target="west-switch", bandwidth_GBps=1.25),
            Link(source="east-switch", target="west-switch", bandwidth_GBps=0.125),
        ),
    )
    source = (
        "Synthetic, written by benchmarks/make_graphs.py: two nodes of one V100 at 100 Gb/s at each of two sites; "
        "1 Gb/s between the sites' switches, and a node of one T4 with a card of 5 Gb/s that is linked to both at "
        "10 Gb/s and forwards what the sites exchange."
    )
    return instance("two-sites", source, cluster, batch=16)


def main() -> None:
    """Write both instances."""
    for world in (fat_tree(), two_sites()):
        write_atomically(FOLDER / f"{world.name}.json", to_json(world))


if __name__ == "__main__":
    main()
