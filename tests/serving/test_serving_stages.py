"""Placements by stages and sections: what they carry, what is proved, and that no rule can be left out."""

import math
from collections import Counter
from random import Random

import pytest

from formulations import serving_stages
from milp_amp.engine.flow_search import FlowLimits, FlowSearch
from milp_amp.errors import Discrepancy, FormulationError
from milp_amp.plan.placement import Placement, ServingResult
from milp_amp.plan.result import Status
from milp_amp.problem.files import read_serving
from milp_amp.solving.serving import check_flow, serving_names, solve_serving
from milp_amp.space.fleet import Fleet
from milp_amp.space.stages import stages
from tests.cli.worlds import LIBRARY
from tests.serving.worlds import draw, most_tokens, serving


def test_it_is_installed():
    assert "serving_stages" in serving_names()


@pytest.mark.parametrize(
    ("name", "tokens"),
    [
        ("single-70b-24", 2045.641047),  # Helix's MILP, 20 threads for 600 s: 1,289.56
        ("cluster10-30b", 286.58741),  # proved by Helix's solver in 3,803 s
        ("a100-30b-4", 1044.533345),
        ("l4-30b-8", 252.649846),  # Helix: 214.98
        ("t4-30b-12", 397.685064),
    ],
)
def test_helix_instances_are_proved(name, tokens):
    result = solve_serving(read_serving(LIBRARY / "helix" / f"{name}.json"))
    assert result.status is Status.OPTIMAL
    assert result.verified
    assert result.objective == pytest.approx(tokens)


def test_a_section_carries_what_no_chain_of_equal_stages_does():
    """Layer 0 needs the fast machine. Of layers 1 and 2, one machine holds both, and two hold one each beside it."""
    world = serving({"fast": (1, (10.0,)), "wide": (1, (5.0, 5.0)), "slow": (2, (5.0,))}, layers=3)
    result = solve_serving(world, gap=1e-6)
    assert result.objective == pytest.approx(10.0)
    assert result.placement.layers["wide.0"][1] - result.placement.layers["wide.0"][0] == 2
    assert serving_stages.single_machines(Fleet.of(world), 10.0) == (5.0,)


def test_sections_come_within_a_ten_thousandth_of_the_bound_on_seven_types():
    result = solve_serving(read_serving(LIBRARY / "helix" / "high-heterogeneity-70b-42.json"))
    assert result.objective == pytest.approx(6050.770299)  # Helix's MILP, 20 threads for 4,382 s: 4,892.24
    assert result.bound == pytest.approx(6051.3587, abs=1e-4)


def most_layers(every, free):
    """Return how many layers stages can hold at most, by trying all."""
    most = 0
    for stage in every:
        left = free - Counter(dict(stage.machines))
        if all(free[kind] >= n for kind, n in stage.machines):
            most = max(most, stage.layers + most_layers(every, left))
    return most


@pytest.mark.parametrize("few", [1, 250])
@pytest.mark.parametrize("seed", range(40))
def test_a_target_is_given_up_if_and_only_if_no_stages_hold_all_layers(seed, few, monkeypatch):
    monkeypatch.setattr(serving_stages, "FEW", few)
    dice = Random(seed)
    rows = {kind: sorted((dice.uniform(2, 12) for _ in range(3)), reverse=True) for kind in "ab"}
    world = serving({kind: (dice.randint(1, 3), row) for kind, row in rows.items()}, layers=dice.randint(2, 7))
    fleet, target = Fleet.of(world), dice.uniform(1, 15)
    taken = serving_stages.plan(fleet, target, [], FlowSearch(FlowLimits(), bound=100.0))
    most = most_layers(stages(fleet, target, 9), Counter(fleet.count))
    assert bool(taken) == (most >= fleet.layers)
    assert not taken or sum(stage.layers for section in taken for (stage,) in section.chains) == fleet.layers


def test_nothing_is_asked_once_a_little_more_than_the_best_is_too_much():
    """Of 10 at most, 7 can be carried, and every plan carries a whole number."""
    search, asked = FlowSearch(FlowLimits(), bound=10.0), []

    def carries(target):
        asked.append(round(target, 3))
        if target <= 7:
            search.improve(math.ceil(target), Placement(layers={"a.0": (0, 1)}))
        return target <= 7

    serving_stages.climb(search, carries, settled=False)
    assert asked == [5.0, 7.5, 5.0, 6.75, 7.25, 7.0]  # halving alone would ask twenty times
    assert search.value == 7.0


@pytest.mark.parametrize(("settled", "questions"), [(True, [7.00001]), (False, [8.499995, 7.00001])])
def test_where_the_best_will_hardly_be_beaten_a_little_more_is_asked_for_first(settled, questions):
    search, asked = FlowSearch(FlowLimits(), bound=10.0), []
    search.improve(7.0, Placement(layers={"a.0": (0, 1)}))
    serving_stages.climb(search, lambda target: bool(asked.append(target)), settled)
    assert asked == pytest.approx(questions)


@pytest.mark.parametrize("seed", range(60))
def test_it_never_claims_more_than_the_best_placement_and_finds_something_wherever_there_is_something(seed):
    world = draw(seed)
    best = most_tokens(world)
    result = solve_serving(world)
    if best == 0:
        assert result.status is Status.UNKNOWN
        return
    assert 0 < result.objective <= best * (1 + 1e-6)
    assert result.bound >= best * (1 - 1e-7)


def claimed(objective, bound=100.0):
    gap = abs(bound - objective) / objective
    return ServingResult(
        instance="tiny",
        formulation="liar",
        status=Status.FEASIBLE,
        objective=objective,
        bound=bound,
        gap=gap,
        runtime_s=0.0,
        verified=False,
        placement=Placement(layers={"a.0": (0, 1)}),
    )


def test_a_false_claim_does_not_pass_the_judge():
    world = serving({"a": (1, (10.0,))}, layers=1)
    assert check_flow(world, claimed(10.0)).verified
    with pytest.raises(Discrepancy, match="claimed 12 tokens/s, recomputed 10 tokens/s"):
        check_flow(world, claimed(12.0))


def test_an_unknown_formulation_is_one_line():
    with pytest.raises(FormulationError, match=r"no serving formulation 'magic', expected one of .*serving_helix, "):
        solve_serving(draw(0), "magic")


def test_a_placement_above_the_bound_is_never_taken_for_a_proof():
    search = FlowSearch(FlowLimits(), bound=5.0)
    with pytest.raises(Discrepancy, match=r"carries 6 tokens/s, above the bound 5 tokens/s"):
        search.improve(6.0, Placement(layers={"a.0": (0, 1)}))
