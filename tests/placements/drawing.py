"""Random worlds for placements, small enough to try every plan; each named by one integer."""

from random import Random

import msgspec

from milp_amp.problem.cluster import Link, NodeGroup
from milp_amp.problem.instance import Instance
from milp_amp.problem.profile import LayerTimes
from tests.agreement.drawing import plain, wire
from tests.builders import instance

replace = msgspec.structs.replace

MAX_NODES = 4


def draw(seed: int, max_devices: int = 6, max_layers: int = 4) -> Instance:
    """Return the instance of a seed: up to four nodes, mixed types and sizes, either contention."""
    while True:
        world = plain(seed, max_devices=max_devices, max_layers=max_layers)
        if len(world.cluster.hosts) <= MAX_NODES:
            return wire(Random(-(10**9) - seed), world)
        seed += 10**6


def even(seed: int, mixed: bool) -> Instance:
    """Return a world of unlike nodes in which every number is a power of two and the slowest pair decides.

    ``mixed`` ones are measured at several tensor degrees.

    A hierarchical all-reduce meets no latency inside nodes: there spreading may pay.
    """
    random = Random(-(10**8) - seed)
    all_reduce = random.choice(("ring", "hierarchical"))
    world = plain(seed, max_layers=3)
    size, layers = random.choice((2, 2, 4)), world.model.num_layers
    count = random.choice((2, 3)) if size == 2 else 2
    nodes = tuple(
        NodeGroup(
            name=f"n{v}",
            device=random.choice(("fast", "slow")),
            devices=size,
            bandwidth_GBps=random.uniform(1.0, 5.0),
            latency_us=0.0 if all_reduce == "hierarchical" else random.choice((0.0, 500.0)),
        )
        for v in range(count)
    )
    links = tuple(
        Link(source=f"n{v}", target=f"n{w}", bandwidth_GBps=random.choice((0.5, 1.0, 3.0)), latency_us=20.0 * v)
        for v in range(count)
        for w in range(v + 1, count)
    )
    types = {name: next(iter(world.cluster.device_types.values())) for name in ("fast", "slow")}
    cluster = replace(
        world.cluster,
        device_types=types, nodes=nodes, switches=(), links=links, hosts_forward=False, contention="slowest_pair",
    )  # fmt: skip
    degrees = (1, 2, 4)[: random.randint(1, 2 if size == 2 else 3)]
    profile = tuple(_times(random, name, t, layers) for name in types for t in (degrees if mixed else degrees[-1:]))
    batch = random.choice((2, 4, 4, 8))
    workload = replace(world.workload, global_batch_size=batch, all_reduce=all_reduce)
    return replace(world, cluster=cluster, profile=profile, workload=workload)


def unlike(seed: int) -> Instance:
    """Return a world of four to six unlike nodes of two devices, one tensor degree and up to six layers."""
    random = Random(-(10**7) - seed)
    layers, count = random.randint(3, 6), random.randint(4, 6)
    milliseconds = {(f"kind{v}", 1): [random.uniform(1, 9) for _ in range(layers)] for v in range(count)}
    names = [f"n{v}" for v in range(count)]
    return instance(
        milliseconds,
        [(name, 1, f"kind{v}", 2) for v, name in enumerate(names)],
        inside_GBps={name: random.uniform(2, 9) for name in names},
        links=[
            Link(
                source=v, target=w, bandwidth_GBps=random.choice((0.5, 1.0, 3.0)), latency_us=random.choice((0.0, 80.0))
            )
            for k, v in enumerate(names)
            for w in names[k + 1 :]
        ],
        switches=(),
        output_MB=[random.choice((0.0, 1.0, 3.0)) for _ in range(layers)],
        gradient_MB=random.choice((0.0, 2.0)),
        batch=random.choice((2, 4, 8)),
        contention="slowest_pair",
    )


def _times(random: Random, name: str, t: int, layers: int) -> LayerTimes:
    forward = tuple(random.uniform(1, 20) / t**0.7 for _ in range(layers))
    return LayerTimes(device=name, tensor_parallel=t, microbatch_size=1, forward_ms=forward)
