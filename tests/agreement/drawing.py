"""Random worlds small enough to enumerate, and as awkward as the schema allows; each named by one integer."""

from itertools import pairwise
from random import Random

import msgspec
from hypothesis import strategies as st

from milp_amp.problem.cluster import Cluster, DeviceType, Link, NodeGroup
from milp_amp.problem.instance import Instance
from milp_amp.problem.model import Layer, Model, SharedParameters
from milp_amp.problem.profile import LayerTimes
from milp_amp.problem.workload import StageOverhead, Workload
from milp_amp.units import MB, GiB

MAX_DEVICES = 6
MAX_LAYERS = 6


STRETCHES = {
    "brief layers": (1e-3, 1e3, 1e3),
    "layers of nanoseconds": (1e-6, 1e3, 1e3),
    "slow links": (1.0, 1e-4, 1.0),
    "very slow links": (1.0, 1e-7, 1.0),
    "slow nodes": (1.0, 1.0, 1e-6),
    "long layers": (1e6, 1.0, 1.0),
    "everything slow": (1e6, 1e-7, 1e-7),
}
"""Factors of the layers' times, of the links' bandwidths, and of the bandwidths inside nodes."""


def draw(seed: int) -> Instance:
    """Return the instance of a seed; one in four is stretched, so that its costs lie orders of magnitude apart."""
    stretch = Random(-1 - seed).choice((None,) * 3 * len(STRETCHES) + tuple(STRETCHES))
    return plain(seed) if stretch is None else stretched(plain(seed), stretch)


def stretched(instance: Instance, stretch: str) -> Instance:
    """Return an instance with the factors of a stretch."""
    replace = msgspec.structs.replace
    times, links, inside = STRETCHES[stretch]
    cluster = instance.cluster
    return replace(
        instance,
        profile=tuple(
            replace(
                entry,
                forward_ms=tuple(times * value for value in entry.forward_ms),
                backward_ms=entry.backward_ms and tuple(times * value for value in entry.backward_ms),
            )
            for entry in instance.profile
        ),
        cluster=Cluster(
            device_types=cluster.device_types,
            nodes=tuple(replace(group, bandwidth_GBps=inside * group.bandwidth_GBps) for group in cluster.nodes),
            switches=cluster.switches,
            links=tuple(replace(link, bandwidth_GBps=links * link.bandwidth_GBps) for link in cluster.links),
        ),
    )


def wired(seed: int) -> Instance:
    """Return the instance of a seed on a cluster whose graph has everything a graph can have."""
    return wire(Random(-(10**9) - seed), draw(seed))


def wire(random: Random, instance: Instance) -> Instance:
    """Return an instance with latencies, network cards, either contention, either all-reduce, and overheads."""
    cluster = instance.cluster
    fields = {
        "nodes": tuple(_with_card(random, group) for group in cluster.nodes),
        "links": tuple(msgspec.structs.replace(link, latency_us=_latency(random)) for link in cluster.links),
        "contention": random.choice(("shared", "slowest_pair")),
    }
    if random.random() < 0.5 and _connects_without_hosts(cluster):
        fields["hosts_forward"] = False
    replace = msgspec.structs.replace
    workload = replace(
        instance.workload, all_reduce=random.choice(("ring", "hierarchical")), **_overheads(random, instance)
    )
    return replace(instance, cluster=replace(cluster, **fields), workload=workload)


def _overheads(random: Random, instance: Instance) -> dict[str, object]:
    """Return overheads of stages and steps, and seconds of updates, about as long as layers; one in three has none."""
    longest = max(max(entry.forward_ms) for entry in instance.profile)
    largest = max((layer.parameters for layer in instance.model.chain), default=0.0)
    if random.random() < 1 / 3 or not largest:
        return {}
    several = [StageOverhead(ms=random.uniform(0, longest))]
    several += [StageOverhead(ms=random.uniform(0, longest), tensor_parallel=2, largest_microbatch=1)]
    return {
        "stage_overheads": tuple(random.sample(several, random.randint(0, 2))),
        "update_ns_per_parameter": random.uniform(0, 1e6 * longest / largest),
        "step_overhead_ms": random.uniform(0, longest),
    }


def _with_card(random: Random, group: NodeGroup) -> NodeGroup:
    speed = random.choice((None, _bandwidth(random)))
    return msgspec.structs.replace(group, nic_GBps=speed, latency_us=_latency(random))


def _latency(random: Random) -> float:
    """From nothing to what a layer takes."""
    return random.choice((0.0, 0.0, 10.0, 1000.0, random.uniform(0, 20_000)))


def _connects_without_hosts(cluster: Cluster) -> bool:
    try:
        msgspec.structs.replace(cluster, hosts_forward=False)
    except ValueError:
        return False
    return True


def plain(seed: int, max_devices: int = MAX_DEVICES, max_layers: int = MAX_LAYERS) -> Instance:
    """Return the instance of a seed with ordinary numbers."""
    random = Random(seed)
    types = ["fast", "slow", "odd"][: random.choice((1, 2, 2, 3))]
    groups = _groups(random, types, max_devices)
    model = _model(random, random.randint(1, max_layers))
    workload = Workload(
        global_batch_size=random.choice((1, 2, 2, 3, 4, 4, 5, 6, 6, 8)),
        sequence_length=random.choice((1, 128)),
        schedule=random.choice(("1f1b", "gpipe")),
        element_bytes=random.choice((1.0, 2.0, 4.0)),
        gradient_bytes=random.choice((2.0, 4.0)),
        state_bytes=random.choice((16.0, 18.0)),
        reserve_GiB=random.choice((0.0, 0.0, 0.1)),
    )
    switches, links = _network(random, groups)
    return Instance(
        schema_version=1,
        name=f"random {seed}",
        source="drawn for a test",
        model=model,
        cluster=Cluster(
            device_types=_device_types(random, types, model, workload),
            nodes=groups,
            switches=switches,
            links=links,
        ),
        profile=_profile(random, types, model.num_layers),
        workload=workload,
    )


worlds = st.integers(0, 2**32 - 1).map(draw)
"""The same for hypothesis; what fails is reproduced by ``draw`` of the integer in the instance's name."""


def _groups(random: Random, types: list[str], max_devices: int) -> tuple[NodeGroup, ...]:
    """Up to four groups of one to three devices a node; equal ones may form one class."""
    left = random.randint(1, max_devices)
    groups: list[NodeGroup] = []
    inside = [random.choice((1.0, 5.0, 50.0)) for _ in range(2)]
    while left > 0 and len(groups) < 4:
        devices = min(left, random.choice((1, 1, 2, 2, 3)))
        count = random.randint(1, left // devices)
        groups.append(
            NodeGroup(
                name=f"n{len(groups)}",
                count=count,
                device=random.choice(types),
                devices=devices,
                bandwidth_GBps=random.choice(inside),
            )
        )
        left -= count * devices
    return tuple(groups)


def _bandwidth(random: Random) -> float:
    return random.choice((0.1, 0.5, 1.0, 1.0, 2.0, 10.0, random.uniform(0.05, 20)))


def _network(random: Random, groups: tuple[NodeGroup, ...]) -> tuple[tuple[str, ...], tuple[Link, ...]]:
    names = [group.name for group in groups]
    kind = random.choice((_star, _switches, _mesh, _relay, _one_way_ring))
    switches, links = kind(random, names)
    alone = {name for link in links for name in (link.source, link.target)}
    for group in groups:  # nodes of one group must reach each other
        if group.count > 1 and group.name not in alone:
            links.append(Link(source=group.name, target=group.name, bandwidth_GBps=_bandwidth(random)))
    return tuple(switches), tuple(links)


def _star(random: Random, names: list[str]) -> tuple[list[str], list[Link]]:
    common = _bandwidth(random)
    speeds = [random.choice((common, _bandwidth(random))) for _ in names]
    return ["hub"], [Link(source=n, target="hub", bandwidth_GBps=speed) for n, speed in zip(names, speeds, strict=True)]


def _switches(random: Random, names: list[str]) -> tuple[list[str], list[Link]]:
    """Two switches with an oversubscribed link between them."""
    home = [random.choice(("left", "right")) for _ in names]
    common = _bandwidth(random)
    links = [Link(source=n, target=h, bandwidth_GBps=common) for n, h in zip(names, home, strict=True)]
    return ["left", "right"], [*links, Link(source="left", target="right", bandwidth_GBps=common / 4)]


def _mesh(random: Random, names: list[str]) -> tuple[list[str], list[Link]]:
    pairs = [(v, w) for k, v in enumerate(names) for w in names[k:]]
    return [], [Link(source=v, target=w, bandwidth_GBps=_bandwidth(random)) for v, w in pairs]


def _relay(random: Random, names: list[str]) -> tuple[list[str], list[Link]]:
    """A chain: the groups in the middle pass on what is not for them."""
    return [], [Link(source=v, target=w, bandwidth_GBps=_bandwidth(random)) for v, w in pairwise(names)]


def _one_way_ring(random: Random, names: list[str]) -> tuple[list[str], list[Link]]:
    """Faster forward than back, and some chords."""
    stops = [*names, "turn"]
    links = [
        Link(source=v, target=w, bandwidth_GBps=_bandwidth(random), one_way=True)
        for v, w in zip(stops, [*stops[1:], stops[0]], strict=True)
    ]
    chords = [(v, random.choice(stops)) for v in names if random.random() < 0.3]
    links += [Link(source=v, target=w, bandwidth_GBps=_bandwidth(random), one_way=True) for v, w in chords]
    return ["turn"], links


def _model(random: Random, num_layers: int) -> Model:
    tied = SharedParameters(name="tied", parameters=random.choice((1e6, 3e7)))
    layers: list[Layer] = []
    while len(layers) < num_layers:
        layer = Layer(
            name=f"layer {len(layers)}",
            kind=random.choice(("embedding", "transformer", "transformer", "head", "other")),
            parameters=random.choice((0.0, 1e6, 2e7, random.uniform(0, 1e8))),
            shared_parameters=tied if random.random() < 0.25 else None,
            output_elements=random.choice((0.0, 1e6, 5e6, random.uniform(0, 2e7))),
            output_sharded=random.random() < 0.3,
            activation_MB=random.choice((0.0, 100.0, random.uniform(0, 1000))),
            activation_sharded_MB=random.choice((0.0, random.uniform(0, 1000))),
        )
        layers += [layer] * min(random.choice((1, 1, 1, 2, 3)), num_layers - len(layers))
    return Model(name="tiny", layers=tuple(layers))


def _device_types(random: Random, types: list[str], model: Model, workload: Workload) -> dict[str, DeviceType]:
    """Ample memory, or room for some part of the model, or exactly what some stage needs."""
    ample = random.choice((1.0, 0.5, 0.0, 0.0))
    memory = {name: 1e12 if random.random() < ample else _memory(random, model, workload) for name in types}
    return {name: DeviceType(memory_GiB=size / GiB) for name, size in memory.items()}


def _memory(random: Random, model: Model, workload: Workload) -> float:
    start = random.randrange(model.num_layers)
    held = model.chain[start : random.randint(start + 1, model.num_layers)]
    t, in_flight = random.choice((1, 1, 2)), random.randint(1, 4)
    shared = {x.shared_parameters.name: x.shared_parameters.parameters for x in held if x.shared_parameters}
    parameters = sum(layer.parameters for layer in held) + sum(shared.values())
    activations = sum(layer.given_activation_bytes(t) or 0.0 for layer in held)
    need = workload.kept_bytes * parameters / t + in_flight * activations + workload.reserve
    return max(need * random.choice((1.0, 1.0, random.uniform(0.9, 2.0))), 50 * MB)


def _profile(random: Random, types: list[str], num_layers: int) -> tuple[LayerTimes, ...]:
    """One to three degrees; a device type may lack a degree or a microbatch size."""
    degrees = random.choice(((1,), (1,), (1, 2), (1, 2), (1, 2, 3), (2,), (1, 3)))
    sizes = random.choice(((1,), (1,), (1, 2), (2, 4), (1, 4)))
    scale = random.choice((1.0, 1.0, 1.0, 10.0, 0.1))
    kept = [(name, t, b) for name in types for t in degrees for b in sizes if random.random() < 0.85]
    return tuple(_times(random, key, num_layers, scale) for key in kept or [(types[0], degrees[0], 1)])


def _times(random: Random, key: tuple[str, int, int], num_layers: int, scale: float) -> LayerTimes:
    name, t, b = key
    values = [random.choice((random.randint(0, 20), random.uniform(0.5, 20))) for _ in range(num_layers)]
    values[random.randrange(num_layers)] += 1  # one layer at least takes time
    forward = tuple(scale * b / t**0.8 * value for value in values)
    backward = tuple(random.uniform(0.5, 3) * value for value in forward) if random.random() < 0.5 else None
    return LayerTimes(device=name, tensor_parallel=t, microbatch_size=b, forward_ms=forward, backward_ms=backward)
