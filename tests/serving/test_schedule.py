"""Flows as whole numbers: by hand, and what is sent by them."""

from collections import Counter
from random import Random

import pytest

from milp_amp.cost.network import measure
from milp_amp.errors import PlanError
from milp_amp.judge.even_flow import even_flow
from milp_amp.judge.flow import SINK, SOURCE, Flow, flow_of
from milp_amp.judge.schedule import MOST_OVER, schedule_of, sent_by, smooth_order, whole_weights
from milp_amp.plan.placement import Placement
from milp_amp.problem.files import read_serving
from tests.cli.worlds import LIBRARY
from tests.serving.worlds import draw, placements, serving

SINGLE = read_serving(LIBRARY / "helix" / "single-70b-24.json")


def test_three_to_one_is_three_and_one_and_the_one_comes_in_between():
    schedule = schedule_of(
        Flow(
            tokens_per_s=8.0,
            arcs={(SOURCE, "a"): 6.0, (SOURCE, "b"): 2.0, ("a", SINK): 6.0, ("b", SINK): 2.0},
            cut=("a", "b"),
        )
    )
    assert schedule.tokens_per_s == 8.0
    assert schedule.weights == {"coordinator": {"a": 3, "b": 1}, "a": {"coordinator": 1}, "b": {"coordinator": 1}}
    assert schedule.order["coordinator"] == ("a", "a", "b", "a")
    assert schedule.order["a"] == ("coordinator",)


@pytest.mark.parametrize(
    ("weights", "order"), [({"a": 5, "b": 1, "c": 1}, "aabacaa"), ({"a": 2, "b": 2}, "abab"), ({"a": 1}, "a")]
)
def test_turns_lie_apart(weights, order):
    assert "".join(smooth_order(weights)) == order


@pytest.mark.parametrize(
    ("tokens", "over", "weights"),
    [
        ({"a": 1.0, "b": 1.0, "c": 1.0}, 0.01, {"a": 1, "b": 1, "c": 1}),
        ({"a": 50.2, "b": 49.8}, 0.01, {"a": 1, "b": 1}),  # b gets 0.4 % more than its share
        ({"a": 50.2, "b": 49.8}, 0.001, {"a": 101, "b": 100}),  # 101 of 201 is 0.10 % more than its share
        ({"a": 999.0, "b": 1.0}, 0.01, {"a": 1}),  # all to a: 0.1 % more than its share
    ],
)
def test_the_smallest_weights_that_no_share_is_exceeded_by(tokens, over, weights):
    assert whole_weights(tokens, over) == weights


def test_excesses_do_not_multiply_along_a_route():
    """Five times in turn 50.4 of 100 tokens/s go one way: a half each time would be 0.8 % more than a share at most."""
    arcs = {(SOURCE, "0a"): 50.4, (SOURCE, "0b"): 49.6}
    for k in range(5):
        for a, b in (("a", "a"), ("a", "b"), ("b", "a"), ("b", "b")):
            share = {"a": 0.504, "b": 0.496}
            arcs[f"{k}{a}", f"{k + 1}{b}"] = 100 * share[a] * share[b]
    arcs |= {("5a", SINK): 50.4, ("5b", SINK): 49.6}
    weights = schedule_of(Flow(tokens_per_s=100.0, arcs=arcs, cut=())).weights
    assert_within(weights, arcs)


def test_what_carries_nothing_has_no_schedule():
    with pytest.raises(PlanError, match="no way through all layers"):
        schedule_of(Flow(tokens_per_s=0.0, arcs={}, cut=()))


def test_equal_machines_take_turns():
    world = serving({"a": (3, (9.0, 5.0))}, layers=2)
    placement = Placement(layers={"a.0": (0, 2), "a.1": (0, 2), "a.2": (0, 2)})
    schedule = schedule_of(even_flow(world, placement, measure(world.cluster)))
    assert schedule.order["coordinator"] == ("a.0", "a.1", "a.2")


def dealt(seed):
    """Return 24 machines dealt to 20 stages of four layers, at least one to each."""
    dice = Random(seed)
    machines = dice.sample([machine.name for machine in SINGLE.machines], 24)
    stages = [*range(20), *(dice.randrange(20) for _ in range(4))]
    return Placement(layers={name: (4 * s, 4 * s + 4) for name, s in zip(machines, stages, strict=True)})


def some_flow(seed):
    """Return a flow of a small random world that carries something, or of 24 machines."""
    if seed % 2:
        return flow_of(SINGLE, dealt(seed)) if seed % 4 == 1 else even_flow(SINGLE, dealt(seed), NETWORK)
    world = draw(seed)
    partial = bool(seed % 4)
    flows = [flow for each in placements(world, partial) if (flow := flow_of(world, each)).arcs]
    return Random(seed).choice(flows) if flows else flow_of(SINGLE, dealt(seed))


NETWORK = measure(SINGLE.cluster)


def assert_within(weights, arcs):
    """Check what is sent by weights against the flow."""
    ends = {
        (SOURCE if a == "coordinator" else a, SINK if b == "coordinator" else b) for a in weights for b in weights[a]
    }
    assert ends <= set(arcs)
    into = sum(tokens for (sender, _), tokens in arcs.items() if sender == SOURCE)
    by_name = {
        (SOURCE if a == "coordinator" else a): {(SINK if b == "coordinator" else b): w for b, w in row.items()}
        for a, row in weights.items()
    }
    sent = sent_by(by_name, into)
    assert sum(tokens for (_, receiver), tokens in sent.items() if receiver == SINK) == pytest.approx(into)
    for ends, tokens in sent.items():
        assert tokens <= arcs[ends] * MOST_OVER * (1 + 1e-6)


@pytest.mark.parametrize("seed", range(100))
def test_no_link_is_sent_more_than_a_hundredth_above_its_flow(seed):
    flow = some_flow(seed)
    schedule = schedule_of(flow)
    assert_within(schedule.weights, flow.arcs)
    for sender, row in schedule.weights.items():
        assert Counter(schedule.order[sender]) == row
        assert min(row.values()) >= 1
        tokens = {b: t for (a, b), t in flow.arcs.items() if a == (SOURCE if sender == "coordinator" else sender)}
        for receiver, weight in row.items():
            share = tokens[SINK if receiver == "coordinator" else receiver] / sum(tokens.values())
            assert weight / sum(row.values()) == pytest.approx(share, abs=0.01 + 1e-6)
