"""The programs over places say what the judge says, and leave out nothing they claim to hold."""

import itertools
import math
import random

import pytest
from msgspec.structs import replace

from milp_amp.cost.blocking import BlockingCost
from milp_amp.cost.sailor import SailorCost
from milp_amp.errors import FormulationError
from milp_amp.judge.evaluate import closed_form, evaluate
from milp_amp.problem.restrictions import Restrictions
from milp_amp.space import sailor_places
from milp_amp.space.sailor_bill import bill
from tests.builders import curve, instance
from tests.space.sailor_plans import best_value
from tests.space.sailor_worlds import draw, space_of

MANY_STAGES = 4


def paths(chain):
    """Every path that has room: (first layer, first layer after, place) per stage."""
    layers = chain.num_layers

    def extend(start, left):
        if start == layers:
            yield ()
        for stop, k in itertools.product(range(start + 1, layers + 1), range(chain.num_places)):
            rest = left - chain.usage[k]
            if (rest >= 0).all():
                yield from (((start, stop, k), *more) for more in extend(stop, rest))

    yield from extend(0, chain.capacity)


def fits(chain, path):
    return all(chain.most_stages[chain.most_stages_row[k], i, j] >= len(path) - s for s, (i, j, k) in enumerate(path))


def step_time(chain, path):
    """The program's objective, term by term."""
    busy = [chain.seconds[chain.seconds_row[k], i, j] for i, j, k in path]
    for s, ((_, i, k), (_, _, to)) in enumerate(itertools.pairwise(path)):
        z = chain.size[k, i]
        busy[s] += chain.forward[z, k, to] * (2 if s == 0 and len(path) >= MANY_STAGES else 1)
        busy[s + 1] += chain.backward[z, k, to] * (2 if s + 2 == len(path) else 1)
    sigma = [
        chain.synchronisation_rate[k] * chain.synchronisation[chain.synchronisation_row[k], i, j] for i, j, k in path
    ]
    return sum(busy) + chain.weight * max(busy) + max(sigma) + max(chain.update[k, i] for i, _, k in path)


@pytest.mark.parametrize(
    ("costs", "seed"), [(SailorCost, n) for n in range(60)] + [(BlockingCost, n) for n in range(20)]
)
def test_every_path_is_a_plan_that_the_judge_prices_alike(costs, seed):
    space = space_of(draw(seed), costs)
    world, costs, dice = space.costs.instance, space.costs, random.Random(seed)
    for d, b in dice.sample(found := list(space.configurations()), min(3, len(found))):
        at = space.places(d, b)
        chain = space.chain(at)
        every = list(itertools.islice(paths(chain), 3000))
        for path in dice.sample(every, min(15, len(every))):
            plan = space.strategy(at, path)
            claimed = step_time(chain, path)
            judged, broken = closed_form(world, plan, costs)
            assert any("needs" in sentence for sentence in broken) != fits(chain, path) or judged is None
            if judged is None:
                assert claimed == math.inf
            else:
                assert claimed == pytest.approx(judged, rel=1e-12)
                assert space.lower_bounds(d, b, (1, 2, 4))[0] <= judged * (1 + 1e-9)
                assert priced(space, at, chain, path, judged) == pytest.approx(
                    evaluate(world, plan, costs=costs).price, rel=1e-9
                )


def priced(space, at, chain, path, seconds):
    """The bill of a path, term by term."""
    prices = bill(space, at)
    total = seconds * sum(prices.rent[k] for _, _, k in path)
    for (_, i, k), (_, _, to) in itertools.pairwise(path):
        total += chain.num_microbatches * prices.boundary_bytes[i] * prices.toll[k, to]
    return total + sum(space.tables.gradient_bytes[i, j] * prices.ring[k] for i, j, k in path)


@pytest.mark.parametrize("seed", range(1000, 1020))
def test_the_best_path_is_the_best_plan(seed):
    world = draw(seed, max_layers=3, sizes=(1, 2))
    space = space_of(world)
    best = math.inf
    for d, b in space.configurations():
        at = space.places(d, b)
        chain = space.chain(at)
        best = min([best, *(step_time(chain, path) for path in paths(chain) if fits(chain, path))])
    order = [kind.nodes[0].group.name for kind in space.classes]
    assert best == pytest.approx(best_value(world, order), rel=1e-12)


def test_replicas_that_save_no_microbatch_are_not_tried():
    # 8 sequences: 5, 6 and 7 replicas need two rounds as 4 do, 3 need three.
    nodes, curves = [("a", 1, "fast", 8)], [curve("fast", "fast", 1)]
    space = space_of(instance(nodes=nodes, curves=curves, batch=8))
    assert [d for d, _ in space.configurations()] == [1, 2, 3, 4, 8]


@pytest.mark.parametrize(("coefficients", "tried"), [((0, 0, 3), [1, 2]), ((0, -2, 3), [1, 2, 3])])
def test_more_replicas_are_tried_where_their_smaller_messages_are_faster(coefficients, tried):
    # Two and three replicas need two rounds each. Halves of 2 MB travel at 3 GB/s, thirds at 3 − 2 log2(2/3) = 4.2.
    world = instance(
        nodes=[("a", 1, "fast", 3)], curves=[curve("fast", "fast", *coefficients)], batch=4, parameters=5e5
    )
    assert [d for d, _ in space_of(world).configurations()] == tried


def test_all_replicas_are_tried_under_restrictions():
    world = instance(nodes=[("a", 1, "fast", 8)], curves=[curve("fast", "fast", 1)], batch=8)
    restricted = replace(world, restrictions=Restrictions.parse(["data_parallel>=5"]))
    assert [d for d, _ in space_of(restricted).configurations()] == list(range(1, 9))


def test_a_node_that_groups_cannot_fill_without_a_gap_is_refused():
    world = instance(nodes=[("a", 2, "fast", 3)], tensor_degrees=(1, 2))
    expected = "cluster.nodes: 3 devices per node on a.0, profiled tensor degrees 1, 2; expected every degree to divide"
    with pytest.raises(FormulationError, match=expected):
        space_of(world)


def test_nodes_of_two_groups_that_agree_in_everything_are_one_class():
    space = space_of(instance(nodes=[("a", 1, "fast", 2), ("b", 2, "fast", 2)]))
    assert [[node.name for node in kind.nodes] for kind in space.classes] == [["a.0", "b.0", "b.1"]]


def test_above_the_largest_number_of_places_coarse_splits_are_kept(monkeypatch):
    monkeypatch.setattr(sailor_places, "MAX_PLACES", 5)
    world = instance({"fast": [3], "slow": [3]}, [("a", 1, "fast", 8), ("b", 1, "slow", 6)], batch=8)
    at = space_of(world).places(8, 1)
    assert at.truncated
    # On one class, full to the last device, halves, quarters.
    assert [place.replicas for place in at.places] == [(8, 0), (2, 6), (4, 4), (6, 2), (7, 1)]


def test_neighbours_in_the_order_of_the_classes_reduce_fast():
    names = ["a", "b", "c"]
    slow = {("a", "b"), ("b", "a"), ("c", "a")}
    curves = [curve(f"{v}:fast", f"{w}:fast", 1 if (v, w) in slow else 9) for v in names for w in names]
    world = instance(
        nodes=[(name, 1, "fast", 1) for name in names],
        sites={name: name for name in names},
        curves=curves,
        parameters=1,
    )
    # a to c and c to b are fast; every other order has a slow pair.
    assert [kind.nodes[0].name for kind in space_of(world).classes] == ["a.0", "c.0", "b.0"]


def test_a_price_inside_a_class_is_refused():
    world = instance(nodes=[("a", 2, "fast", 2)], price_per_hour={"fast": 1.0}, curves=[curve("fast", "fast", 1)])
    links = tuple(replace(link, price_per_GB=1.0) for link in world.cluster.links)
    space = space_of(replace(world, cluster=replace(world.cluster, links=links)))
    with pytest.raises(FormulationError, match=r"cluster\.links: bytes between nodes of a have a price, expected none"):
        bill(space, space.places(1, 1))
