"""Programs over places find the best plan of the space they describe, and that space is as large as it says."""

import pytest
from msgspec.structs import replace

from milp_amp.bounds.prepass import prepare
from milp_amp.space.places import Places
from tests.agreement.checks import Truth, difference
from tests.builders import instance
from tests.placements.drawing import draw, even
from tests.placements.homes import Anywhere, Compact, Documented
from tests.placements.plans import best_plan

SEARCHES = ("placement_search", "placement_milp")


def best(chooser, prepass):
    homes = chooser(prepass.instance, prepass.costs)
    return best_plan(prepass.instance, prepass.costs, homes, homes.start)


def truth(world, chooser=Documented, cost_model="pipeline"):
    prepass = prepare(world, cost_model)
    return Truth(prepass, best(chooser, prepass), {})


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("seed", range(300))
def test_it_finds_what_enumeration_of_the_described_plans_finds(seed, name):
    difference(name, truth(draw(seed)))


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("seed", range(300, 400))
def test_it_does_so_where_links_are_paid_once_per_step(seed, name):
    difference(name, truth(draw(seed), cost_model="amp"))


def test_many_of_these_worlds_have_a_best_plan_of_several_stages_or_tensor_degrees():
    """The agreement above would prove little otherwise."""
    several, mixed = 0, 0
    for seed in range(300):
        found = truth(draw(seed)).claimed
        several += found is not None and found.strategy.pipeline_parallel > 1
        mixed += found is not None and len({stage.tensor_parallel for stage in found.strategy.stages}) > 1
    assert several > 30
    assert mixed > 5


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("seed", range(60))
def test_it_finds_the_best_compact_plan_where_only_these_are_described(seed, name):
    difference(name, truth(even(seed, mixed=True)))


@pytest.mark.parametrize("seed", range(80))
def test_with_one_tensor_degree_some_best_plan_of_all_is_compact(seed):
    prepass = prepare(even(seed, mixed=False))
    everywhere, compact = best(Anywhere, prepass), best(Compact, prepass)
    assert (everywhere is None) == (compact is None)
    assert everywhere is None or compact.value == pytest.approx(everywhere.value, rel=1e-12)


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("seed", range(80))
def test_it_then_finds_the_best_plan_of_all(seed, name):
    difference(name, truth(even(seed, mixed=False), Anywhere))


def test_only_compact_places_are_listed_where_every_number_is_a_power_of_two():
    prepass = prepare(even(0, mixed=True))
    places = Places(prepass.tables, prepass.classes)
    (size,) = {host.group.devices for host in prepass.instance.cluster.hosts}
    for place in places.places(2, (1, 2))[0]:
        used = sum(place.group.nodes)
        assert used == 1 or place.width == size


@pytest.mark.parametrize("name", SEARCHES)
def test_two_like_nodes_are_shared_by_stages_that_are_not_neighbours(name):
    # d = 2 on all eight devices: tensor degrees 1, 2, 1, every layer 3 ms, one of each stage's replicas on each node.
    world = instance(
        {("fast", 1): [3, 50, 3], ("fast", 2): [50, 3, 50]}, [("a", 2, "fast", 4)], batch=16, contention="slowest_pair"
    )
    known = truth(world)
    assert known.claimed.value == pytest.approx((3 * 3 + 7 * 3) / 1e3)
    difference(name, known)


@pytest.mark.parametrize("name", SEARCHES)
def test_more_nodes_pay_where_they_save_rounds_of_a_hierarchical_ring(name):
    # Four replicas in one node: 6 rounds of 5 ms; in two nodes 2 rounds inside of 5 ms and 2 across of 5 ms.
    nodes, inside = [("a", 1, "fast", 4), ("b", 1, "fast", 4)], {"a": 1.0, "b": 2.0}
    world = instance({"fast": [30]}, nodes, inside_GBps=inside, contention="slowest_pair", all_reduce="hierarchical")
    late = tuple(replace(group, latency_us=5000.0) for group in world.cluster.nodes)
    links = tuple(replace(link, latency_us=2500.0) for link in world.cluster.links)
    known = truth(replace(world, cluster=replace(world.cluster, nodes=late, links=links)))
    assert len(known.prepass.classes) == 2
    assert known.claimed.value == pytest.approx((30 + 4 * 5) / 1e3)
    difference(name, known)


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize(("twos", "threes"), [([3, 9], [9, 3]), ([9, 3], [3, 9])])
def test_stages_of_two_and_three_devices_fill_a_node_of_five(twos, threes, name):
    # Two replicas, each layer at its better degree on both nodes: 3 + 3 ms and 3 ms for each of three more rounds; the
    # boundary takes 10 MB / 100 GB/s each way.
    world = instance(
        {("fast", 2): twos, ("fast", 3): threes}, [("a", 2, "fast", 5)], batch=8, output_MB=10, inside_GBps=100
    )
    known = truth(world)
    assert known.claimed.value == pytest.approx((3 + 3 + 3 * 3 + 0.2) / 1e3)
    difference(name, known)
