"""Random questions, small enough to search in milliseconds and uneven enough to be interesting."""

import msgspec
from hypothesis import strategies as st

from milp_amp.problem.cluster import Link
from tests.builders import instance

bandwidths = st.sampled_from([3.0, 1.0, 2.0, 10.0])
milliseconds = st.integers(1, 9).map(float)
megabytes = st.integers(0, 6).map(float)
small = st.sampled_from([1.0, 0.5, 0.0, 3.0])


@st.composite
def groups(draw, max_groups=3, max_nodes=3, sizes=(1, 2, 3, 4)):
    """Groups of nodes named a, b, c, fast or slow."""
    return [
        (name, draw(st.integers(1, max_nodes)), draw(st.sampled_from(["fast", "slow"])), draw(st.sampled_from(sizes)))
        for name in "abc"[: draw(st.integers(1, max_groups))]
    ]


@st.composite
def links_of(draw, names):
    """A star over one or two switches; now and then a link besides."""
    switch = {name: draw(st.sampled_from(["left", "right"])) for name in names}
    links = [Link(source=name, target=switch[name], bandwidth_GBps=draw(bandwidths)) for name in names]
    links.append(Link(source="left", target="right", bandwidth_GBps=draw(bandwidths)))
    if draw(st.booleans()):
        ends = [draw(st.sampled_from(names)), draw(st.sampled_from(names))]
        one_way = draw(st.booleans())
        links.append(Link(source=ends[0], target=ends[1], bandwidth_GBps=draw(bandwidths), one_way=one_way))
    return links


@st.composite
def worlds(draw, max_layers=4, max_groups=3, max_nodes=2, sizes=(1, 2, 3), tight=True, **fields):
    """An instance; ``tight`` ones may have too little memory for some stages, or for all."""
    nodes = draw(groups(max_groups, max_nodes, sizes))
    names = [name for name, *_ in nodes]
    size = draw(st.sampled_from(range(max_layers, 0, -1)))
    lists = st.lists(milliseconds, min_size=size, max_size=size)
    memory = draw(st.sampled_from([0.03, 0.01, 0.1, 0.003])) if tight else 1e6
    drawn = {
        "tensor_degrees": draw(st.sampled_from([(1, 2), (1,)])),
        "output_MB": draw(st.lists(small, min_size=size, max_size=size)),
        "gradient_MB": draw(megabytes),
        "activation_MB": draw(small),
        "memory_GiB": {"fast": memory, "slow": 2 * memory},
        "inside_GBps": {name: draw(st.sampled_from([20.0, 2.0])) for name in names},
        "links": draw(links_of(names)),
        "switches": ("left", "right"),
        "batch": draw(st.sampled_from([8, 6, 4, 2, 1])),
        "schedule": draw(st.sampled_from(["1f1b", "gpipe"])),
    }
    return instance({"fast": draw(lists), "slow": draw(lists)}, nodes, **{**drawn, **fields})


@st.composite
def wired_worlds(draw, **fields):
    """The same on a cluster with latencies, network cards, and either kind of contention."""
    world = draw(worlds(**fields))
    latencies = st.sampled_from([0.0, 10.0, 500.0, 4000.0])
    replace, cluster = msgspec.structs.replace, world.cluster
    cards = st.sampled_from([None, 0.5, 4.0])
    wired = replace(
        cluster,
        nodes=tuple(replace(g, nic_GBps=draw(cards), latency_us=draw(latencies)) for g in cluster.nodes),
        links=tuple(replace(link, latency_us=draw(latencies)) for link in cluster.links),
        contention=draw(st.sampled_from(["slowest_pair", "shared"])),
    )
    workload = replace(world.workload, all_reduce=draw(st.sampled_from(["hierarchical", "ring"])))
    return replace(world, cluster=wired, workload=workload)
