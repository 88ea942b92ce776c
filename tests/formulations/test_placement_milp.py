"""The program over places: drop any family of constraints, and its optimum is another one."""

import math

import numpy as np
import pytest

from formulations import placement_milp
from milp_amp.bounds.prepass import prepare
from milp_amp.engine.limits import Limits
from milp_amp.engine.mip import MipOutcome, MipStatus, solve_mip
from milp_amp.errors import FormulationError
from milp_amp.plan.result import Status
from milp_amp.space.boxes import Box
from milp_amp.space.dual import improve, start
from milp_amp.space.labels import PlacedStage
from milp_amp.space.placed_graph import restrict, step_time
from milp_amp.space.priced import PricedPaths
from milp_amp.space.worlds import Configuration, world
from tests.builders import instance
from tests.formulations.families import CASES

FAMILIES = {"leave_state": "enter_place", "enter_place": "leave_place"}
"""Here paths lead forwards: what leaves a state is what enters the place of a later stage."""

EACH = pytest.mark.parametrize("case", CASES, ids=lambda case: family(case))


def family(case):
    return FAMILIES.get(case.family, case.family)


def paths_of(case):
    prepass = prepare(case.world)
    configuration = Configuration(0.0, 0.0, case.replicas, 1, case.weight + 1, (1,))
    return PricedPaths(world(prepass.costs, prepass.classes).chain(configuration).chain)


def run(case, box=None, unit=1e-3):
    """The optimum in milliseconds, the status, and the price of the chosen columns."""
    paths, box = paths_of(case), box or Box()
    graph = restrict(paths, np.zeros(len(paths.chain.capacity)), box, paths.worst, 10**6)
    program, x = placement_milp.build(graph, box, unit)
    outcome = solve_mip(program, stopped=lambda: False)
    values = outcome.values or {}
    chosen = sorted(column for k, column in enumerate(graph.columns) if values.get(x[k].name, 0) > 0.5)
    return (
        outcome.objective * unit * 1e3,
        outcome.status,
        paths,
        [PlacedStage(a.start, a.stop, a.place) for a in chosen],
    )


def solved(case, box=None, unit=1e-3):
    return run(case, box, unit)[:2]


def families(monkeypatch, change):
    complete = placement_milp.subject_to
    monkeypatch.setattr(placement_milp, "subject_to", lambda program, **rows: complete(program, **change(rows)))


@EACH
def test_with_all_families_the_optimum_is_known_and_it_is_that_of_a_plan(case):
    optimum, status, paths, chosen = run(case)
    assert (optimum, status) == (pytest.approx(case.optimum), MipStatus.OPTIMAL)
    assert step_time(paths, chosen) * 1e3 == pytest.approx(case.optimum)


@EACH
def test_without_a_family_the_optimum_is_another_one(case, monkeypatch):
    families(monkeypatch, lambda rows: {name: rows[name] for name in rows if name != family(case)})
    optimum, *_ = solved(case)
    assert optimum == pytest.approx(case.without)
    assert optimum != pytest.approx(case.optimum)


def test_every_family_has_its_case(monkeypatch):
    seen = []
    families(monkeypatch, lambda rows: seen.extend(rows) or rows)
    solved(CASES[0])
    assert sorted(seen) == sorted(family(case) for case in CASES)


@pytest.mark.parametrize("unit", [1.0, 1e-6])
@EACH
def test_the_unit_of_time_does_not_matter(case, unit):
    assert solved(case, unit=unit)[0] == pytest.approx(case.optimum)


def test_ceilings_and_floors_are_kept():
    (two_stages,) = (case for case in CASES if case.family == "bottleneck")
    assert solved(two_stages, Box(5e-3, 9e-3))[0] == pytest.approx(6 + 7 * 5)
    assert solved(two_stages, Box(0, 2.9e-3))[1] is MipStatus.INFEASIBLE
    (pairs,) = (case for case in CASES if case.family == "synchronisation")
    assert solved(pairs, Box(synchronisation_floor=3e-3))[0] == pytest.approx(6 + 3 * 3 + 3)
    assert solved(pairs, Box(synchronisation=1.9e-3))[1] is MipStatus.INFEASIBLE


@pytest.mark.parametrize("case", [case for case in CASES if case.replicas == 1], ids=lambda case: family(case))
def test_columns_that_only_dearer_paths_use_are_left_out_and_no_others(case):
    paths = paths_of(case)
    free, best = np.zeros(len(paths.chain.capacity)), case.optimum * 1e-3
    assert restrict(paths, free, Box(), best * 1.001, 10**6).columns
    prices = improve(paths, start(paths), Box(), best, 30).prices
    few = restrict(paths, prices, Box(), best * 1.001, 10**6)
    program, _ = placement_milp.build(few, Box(), 1e-3)
    assert solve_mip(program, stopped=lambda: False).objective == pytest.approx(case.optimum)
    assert restrict(paths, prices, Box(), best * 1.001, few.size - 1) is None


MEMORY = next(case for case in CASES if case.family == "memory")
WORLD = MEMORY.world


def answer(**limits):
    return placement_milp.solve(WORLD, prepare(WORLD), Limits(threads=1, **limits))


def test_a_program_that_did_not_end_is_opened_again(monkeypatch):
    expected, asked, complete = answer(), [], placement_milp.solve_mip

    def stopped_once(*program, **options):
        asked.append(1)
        if len(asked) == 1:
            return MipOutcome(MipStatus.STOPPED, math.inf, -math.inf, None, "HiGHS")
        return complete(*program, **options)

    monkeypatch.setattr(placement_milp, "solve_mip", stopped_once)
    result = answer()
    assert len(asked) > 1
    assert (result.status, result.objective) == (Status.OPTIMAL, pytest.approx(expected.objective))


@pytest.mark.parametrize(("few", "many"), [(0, 50_000), (0, 12)])
def test_boxes_that_have_too_many_columns_are_split_until_they_have_few_enough(few, many, monkeypatch):
    expected, boxes, complete = answer(), [], placement_milp.build
    monkeypatch.setattr(placement_milp, "FEW", few)
    monkeypatch.setattr(placement_milp, "MANY", many)
    monkeypatch.setattr(
        placement_milp, "build", lambda graph, box, unit: boxes.append(box) or complete(graph, box, unit)
    )
    result = answer()
    widths = [box.bottleneck - box.bottleneck_floor for box in boxes]
    assert widths
    assert max(widths) < expected.objective / MEMORY.weight / 10
    assert (result.status, result.objective) == (Status.OPTIMAL, pytest.approx(expected.objective))


def test_what_cannot_be_split_any_further_is_left_out_and_not_called_worse(monkeypatch):
    monkeypatch.setattr(placement_milp, "FEW", 0)
    monkeypatch.setattr(placement_milp, "MANY", 0)
    monkeypatch.setattr(placement_milp, "NARROW", math.inf)
    monkeypatch.setattr(placement_milp, "NARROWEST", math.inf)
    result = answer()
    assert result.status is Status.UNKNOWN
    assert result.bound <= MEMORY.optimum * 1e-3
    assert "more than 0 columns and links" in result.notes[0]


def test_costs_that_are_not_per_byte_are_refused():
    asked = instance(batch=4)
    with pytest.raises(FormulationError, match="costs are not per byte"):
        placement_milp.solve(asked, prepare(asked, "sailor"), Limits())
