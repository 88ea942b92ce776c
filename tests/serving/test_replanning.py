"""Planning anew from the plan before: what stays of it, and how little is asked then."""

import itertools
from random import Random

import pytest

from benchmarks.serving_replanning import renamed, without
from formulations import serving_stages
from milp_amp.judge.flow import flow_of
from milp_amp.plan.files import read_placement
from milp_amp.plan.placement import Placement
from milp_amp.plan.result import Status
from milp_amp.problem.files import read_serving
from milp_amp.solving.serving import solve_serving
from milp_amp.space.fleet import Fleet
from milp_amp.space.refill import refilled
from milp_amp.space.sections import Section, laid_out, sections_of
from milp_amp.space.stages import Stage
from tests.cli.worlds import LIBRARY
from tests.serving.worlds import serving

FAST_WIDE_SLOW = serving({"fast": (1, (10.0,)), "wide": (1, (5.0, 5.0)), "slow": (2, (5.0,))}, layers=3)
BESIDE = {"fast.0": (0, 1), "wide.0": (1, 3), "slow.0": (1, 2), "slow.1": (2, 3)}


def alone(layers, **machines):
    return Section(((Stage(layers, tuple(sorted(machines.items()))),),))


def test_machines_with_the_same_layers_are_a_stage_and_stages_that_overlap_a_section():
    found = sections_of(FAST_WIDE_SLOW, Placement(layers=BESIDE))
    slow = Stage(1, (("slow", 1),))
    assert found == [alone(1, fast=1), Section(((slow, slow), (Stage(2, (("wide", 1),)),)))]
    assert laid_out(FAST_WIDE_SLOW, found, False) == Placement(layers=BESIDE)


def test_a_layer_that_nobody_holds_is_no_stage():
    world = serving({"a": (2, (9.0, 5.0))}, layers=5)
    assert sections_of(world, Placement(layers={"a.0": (0, 2), "a.1": (3, 5)})) == [alone(2, a=1), alone(2, a=1)]


@pytest.mark.parametrize(
    "name", ["high-heterogeneity-two-level-max-flow-optimum", "high-heterogeneity-swarm", "single-max-flow-optimum"]
)
def test_a_placement_carries_the_same_once_it_is_taken_apart_and_laid_out_again(name):
    instance = "single-70b-24" if name.startswith("single") else "high-heterogeneity-70b-42"
    world = read_serving(LIBRARY / "helix" / f"{instance}.json")
    placement = read_placement(LIBRARY / "helix" / "placements" / f"{name}.json")
    again = laid_out(world, sections_of(world, placement), placement.partial_inference)
    assert flow_of(world, again).tokens_per_s == pytest.approx(flow_of(world, placement).tokens_per_s)


def best_refill(fleet, stages):
    """Return what stages in series carry at best, by trying all their layers."""
    rows = [
        [sum(n * tokens for n, tokens in column) for column in columns]
        for columns in (
            list(zip(*([(n, tokens) for tokens in fleet.tokens_per_s[t]] for t, n in stage.machines), strict=False))
            for stage in stages
        )
    ]
    every = itertools.product(*(range(len(row) + 1) for row in rows))
    return max(
        (
            min(row[k - 1] for row, k in zip(rows, layers, strict=True) if k)
            for layers in every
            if sum(layers) == fleet.layers
        ),
        default=0.0,
    )


@pytest.mark.parametrize("seed", range(60))
def test_layers_are_handed_out_anew_as_well_as_they_can_be(seed):
    dice = Random(seed)
    groups = {kind: (2, [dice.uniform(2, 20) for _ in range(dice.randint(1, 4))]) for kind in "ab"}
    world = serving(groups, layers=dice.randint(2, 9))
    fleet = Fleet.of(world)
    stages = [*dice.choice(TWO_OF_EACH)]
    best = best_refill(fleet, stages)
    for most in (100.0, best):
        found = refilled(fleet, [Section(((stage,),)) for stage in stages], most)
        assert bool(found) == (best > 0)
        if found:
            carried = flow_of(world, laid_out(world, found, False)).tokens_per_s
            assert best - 1e-3 * most - 1e-6 <= carried <= best + 1e-6
    assert not found or carried == pytest.approx(best, abs=1e-5)  # the most that is given is tried first


A, B, BOTH = Stage(1, (("a", 1),)), Stage(1, (("b", 1),)), Stage(1, (("a", 1), ("b", 1)))
TWO_OF_EACH = [
    (A, A, B, B),
    (BOTH, A, B),
    (BOTH, BOTH),
    (Stage(1, (("a", 2),)), B, B),
    (Stage(1, (("a", 2), ("b", 1))), B),
]


def test_chains_beside_each_other_divide_the_flow_anew():
    """Of layers 1 and 2 one machine carries 5 tokens/s, and two beside it 4: their section is refilled with 9."""
    world = serving({"fast": (1, (10.0,)), "wide": (1, (6.0, 5.0)), "slow": (2, (4.0,))}, layers=3)
    (first, beside) = sections_of(world, Placement(layers=BESIDE))
    found = refilled(Fleet.of(world), [beside, first], 9.0)
    assert [sum(stage.layers for stage in section.chains[0]) for section in found] == [2, 1]
    assert flow_of(world, laid_out(world, found, False)).tokens_per_s == 9.0


def test_where_a_chain_has_lost_its_machine_the_other_serves_alone():
    world = serving({"fast": (1, (10.0,)), "wide": (1, (6.0, 5.0)), "slow": (1, (4.0,))}, layers=3)
    left = {"fast.0": (0, 1), "wide.0": (1, 3), "slow.0": (1, 2)}
    found = refilled(Fleet.of(world), sections_of(world, Placement(layers=left)), 5.0)
    assert flow_of(world, laid_out(world, found, False)).tokens_per_s == 5.0


def test_a_machine_that_has_come_stands_where_most_layers_are_gained():
    """At 9 tokens/s an a holds one layer, and two with b beside it; at 4 tokens/s b holds two layers alone."""
    groups = {"a": (2, (9.0, 5.0)), "b": (1, (4.0, 4.0))}
    world = serving(groups, layers=3)
    found = refilled(Fleet.of(world), [alone(2, a=1), alone(2, a=1)], 9.0)
    assert found == [alone(2, a=1, b=1), alone(1, a=1)]
    assert flow_of(world, laid_out(world, found, False)).tokens_per_s == 9.0
    assert refilled(Fleet.of(serving(groups, layers=4)), [alone(2, a=2)], 4.0) == [alone(2, a=2), alone(2, b=1)]


def test_of_more_than_two_chains_the_stages_stand_in_series():
    """Three machines that hold the first layer, and overlap; one after the other they carry 9 tokens/s."""
    world = serving({"a": (3, (9.0, 5.0, 3.0))}, layers=3)
    (section,) = sections_of(world, Placement(layers={"a.0": (0, 1), "a.1": (0, 2), "a.2": (0, 3)}))
    assert len(section.chains) == 3
    assert refilled(Fleet.of(world), [section], 9.0) == [alone(1, a=1)] * 3


def nothing_asked(*arguments):
    raise AssertionError("a program was solved")


@pytest.mark.parametrize(("gone", "tokens"), [("T4.4", 1754.38189), ("A100.1", 1476.085961), ("L4.0", 1754.38189)])
def test_a_chain_that_has_lost_a_machine_is_proved_best_again_without_a_program(gone, tokens, monkeypatch):
    world = read_serving(LIBRARY / "helix" / "single-70b-24.json")
    before = read_placement(LIBRARY / "helix" / "placements" / "single-max-flow-optimum.json")
    (machine,) = (each for each in world.machines if each.name == gone)
    smaller = without(world, machine)
    cold = solve_serving(smaller)
    monkeypatch.setattr(serving_stages, "plan", nothing_asked)
    warm = solve_serving(smaller, warm_start=renamed(before, machine))
    assert warm.status is Status.OPTIMAL
    assert warm.objective == pytest.approx(cold.objective) == pytest.approx(tokens)


def test_a_plan_with_sections_is_mended_with_few_shares(monkeypatch):
    world = read_serving(LIBRARY / "helix" / "high-heterogeneity-70b-42.json")
    before = read_placement(LIBRARY / "helix" / "placements" / "high-heterogeneity-two-level-max-flow-optimum.json")
    (machine,) = (each for each in world.machines if each.name == "L4x2.0")
    smaller, asked, plan = without(world, machine), [], serving_stages.plan

    def counted(fleet, target, shares, search):
        asked.append(len(shares))
        return plan(fleet, target, shares, search)

    monkeypatch.setattr(serving_stages, "plan", counted)
    warm = solve_serving(smaller, warm_start=renamed(before, machine))
    assert warm.status is Status.OPTIMAL
    assert warm.objective == pytest.approx(5890.150529)
    assert max(asked) < 10  # of 41 shares


def test_who_comes_after_a_machine_that_is_gone_moves_up():
    world = serving({"a": (3, (9.0,)), "b": (1, (5.0,))}, layers=2)
    smaller = without(world, world.machines[1])
    assert [machine.name for machine in smaller.machines] == ["a.0", "a.1", "b.0"]
    left = renamed(Placement(layers={"a.1": (0, 1), "a.2": (0, 1), "b.0": (1, 2)}), world.machines[1])
    assert left.layers == {"a.1": (0, 1), "b.0": (1, 2)}
