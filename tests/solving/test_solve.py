"""``solve`` reads pre-pass, formulation, check: here the formulations are dummies that misbehave."""

import importlib
import threading
import time

import numpy as np
import pytest
from msgspec.structs import replace as amended

import milp_amp
from milp_amp.engine.interrupts import INTERRUPTED
from milp_amp.engine.search import Search
from milp_amp.errors import Discrepancy, EngineError, FormulationError, InputError, PlanError
from milp_amp.plan.result import Status
from milp_amp.solving import solve
from tests.builders import instance, strategy

WORLD = instance(layer_ms={"fast": [3, 3]}, nodes=[("a", 1, "fast", 2)], batch=4)
WHOLE = strategy((0, 2, "a.0/0"))
HALVES = strategy((0, 1, "a.0/0"), (1, 2, "a.0/1"))
WHOLE_SECONDS = 0.024  # 4 microbatches × 6 ms
HALVES_SECONDS = 0.015  # (2 + 4 − 1) × 3 ms


def finds(plan=None, value=None, bound=None, exhausted=False):
    """Return a formulation that always claims the same."""

    def claim(world, prepass, limits):
        search = Search(limits)
        if plan is not None:
            search.improve(value, plan)
        if bound is not None:
            search.raise_bound(bound)
        return search.result(
            instance=world.name,
            formulation="dummy",
            cost_model=prepass.costs.name,
            exhausted=exhausted,
            versions={},
            notes=(f"start {limits.start.value:.3f}",) if limits.start else (),
        )

    return claim


def fails(error):
    def fail(world, prepass, limits):
        raise error

    return fail


nothing = finds()
whole = finds(WHOLE, WHOLE_SECONDS)
halves = finds(HALVES, HALVES_SECONDS, bound=0.012)
proof = finds(HALVES, HALVES_SECONDS, bound=HALVES_SECONDS)


@pytest.fixture
def installed(monkeypatch):
    """Install formulations by name; those not given cannot be applied."""

    def install(**formulations):
        def load(name):
            return formulations.get(name, fails(FormulationError(f"{name} is not for this instance")))

        for module in ("milp_amp.solving", "milp_amp.solving.run"):
            monkeypatch.setattr(importlib.import_module(module), "load", load)

    return install


def test_a_claim_is_verified(installed):
    installed(mine=proof)
    result = solve(WORLD, "mine")
    assert (result.status, result.verified, result.objective) == (Status.OPTIMAL, True, HALVES_SECONDS)


def test_a_wrong_claim_is_a_discrepancy(installed):
    installed(mine=finds(HALVES, 0.014))
    with pytest.raises(Discrepancy, match=r"claimed 0\.014 s, recomputed 0\.015 s"):
        solve(WORLD, "mine")


def test_a_formulation_that_dies_is_an_engine_error_in_one_line(installed):
    installed(mine=fails(ZeroDivisionError("division\nby zero")))
    with pytest.raises(EngineError, match=r"^mine died: ZeroDivisionError: division by zero$"):
        solve(WORLD, "mine")


def test_a_formulation_that_returns_something_else_is_an_engine_error(installed):
    installed(mine=lambda world, prepass, limits: None)
    with pytest.raises(EngineError, match="mine returned NoneType, expected Result"):
        solve(WORLD, "mine")


def test_the_baseline_is_where_the_others_start(installed):
    installed(amp_dp=whole, mine=halves)
    result = solve(WORLD, "mine")
    assert "start 0.024" in result.notes
    assert "amp_dp's plan takes 0.024 s per step, 1.6 times this one" in result.notes


def test_a_baseline_that_dies_is_done_without(installed):
    installed(amp_dp=fails(ValueError("no")), mine=proof)
    assert "no start from amp_dp: amp_dp died: ValueError: no" in solve(WORLD, "mine").notes


def stopped(plan, value):
    """Return a baseline that was stopped before it had chosen."""
    claim = finds(plan, value)
    return lambda *arguments: amended(claim(*arguments), notes=(INTERRUPTED,))


def test_a_stopped_baseline_is_a_start_but_not_what_one_is_compared_to(installed):
    installed(amp_dp=stopped(WHOLE, WHOLE_SECONDS), mine=halves)
    notes = solve(WORLD, "mine").notes
    assert "start 0.024" in notes
    assert any(note.startswith("amp_dp was stopped after") for note in notes)
    assert not any("amp_dp's plan takes" in note for note in notes)


def test_the_exact_baselines_plan_counts_although_its_time_was_up(installed):
    def late(world, prepass, limits):
        return amended(whole(world, prepass, limits), runtime_s=limits.time_limit)

    installed(amp_dp_exact=late, mine=halves)
    assert "start 0.024" in solve(WORLD, "mine", time_limit=0.1).notes


def test_the_exact_baseline_has_its_turn_first_and_half_of_the_time(installed):
    shares = {}

    def remembers(name):
        def claim(world, prepass, limits):
            shares[name] = limits.time_limit
            return nothing(world, prepass, limits)

        return claim

    installed(amp_dp=remembers("amp_dp"), amp_dp_exact=remembers("amp_dp_exact"), mine=nothing)
    solve(WORLD, "mine", time_limit=1)
    assert list(shares) == ["amp_dp_exact", "amp_dp"]
    assert shares["amp_dp_exact"] == pytest.approx(0.5, abs=0.2)
    assert shares["amp_dp"] < 0.11


@pytest.mark.parametrize("baseline", ["amp_dp", "amp_dp_exact"])
def test_the_baselines_ignore_a_warm_start(installed, baseline):
    installed(**{baseline: whole})
    assert solve(WORLD, baseline, warm_start=HALVES).objective == WHOLE_SECONDS


def test_the_baselines_start_from_nothing(installed):
    installed(amp_dp=halves)
    assert solve(WORLD, "amp_dp").notes == ()


def test_a_warm_start_is_judged_and_used(installed):
    installed(amp_dp=halves, mine=nothing)
    result = solve(WORLD, "mine", warm_start=WHOLE)
    unbeaten = "no plan of the searched space was found to beat the one it started from"
    assert (result.objective, result.notes) == (WHOLE_SECONDS, ("start 0.024", unbeaten))


def test_a_warm_start_that_breaks_a_rule_is_refused(installed):
    installed(mine=nothing)
    with pytest.raises(PlanError, match=r"^warm start: stages\[0\]\.layers: ends at 1, expected 2"):
        solve(WORLD, "mine", warm_start=strategy((0, 1, "a.0/0")))


def test_auto_ends_with_the_first_proof(installed):
    installed(amp_dp=whole, interval_dp=proof, interval_cpsat=fails(AssertionError))
    result = solve(WORLD)
    assert (result.formulation, result.status) == ("auto:interval_dp", Status.OPTIMAL)


def test_auto_goes_on_from_the_best_plan_after_a_failure(installed):
    installed(amp_dp=whole, interval_dp=fails(MemoryError()), interval_cpsat=halves, interval_milp=proof)
    result = solve(WORLD)
    assert (result.formulation, result.status) == ("auto:interval_milp", Status.OPTIMAL)
    assert "interval_dp failed: interval_dp died: MemoryError:" in result.notes
    assert "start 0.015" in result.notes


def test_auto_returns_the_best_plan_under_the_best_bound(installed):
    better_bound = finds(WHOLE, WHOLE_SECONDS, bound=0.013)
    installed(interval_dp=halves, interval_cpsat=better_bound, interval_milp=nothing)
    result = solve(WORLD)
    assert (result.status, result.objective, result.bound) == (Status.FEASIBLE, HALVES_SECONDS, 0.013)
    assert result.gap == pytest.approx(2 / 15)
    assert [point.bound for point in result.trace] == sorted(
        (point.bound for point in result.trace), key=lambda bound: bound or 0
    )


def test_two_bounds_may_make_a_proof_together(installed):
    meets = finds(bound=HALVES_SECONDS)
    installed(interval_dp=halves, interval_cpsat=meets, interval_milp=fails(AssertionError))
    assert solve(WORLD).status is Status.OPTIMAL


def test_auto_returns_the_baseline_where_every_other_fails(installed):
    installed(amp_dp=whole)
    result = solve(WORLD)
    assert (result.formulation, result.status, result.verified) == ("auto:amp_dp", Status.FEASIBLE, True)
    assert 0 < result.bound <= HALVES_SECONDS


def test_the_plan_that_is_left_names_where_it_came_from(installed):
    installed(amp_dp=whole, amp_dp_exact=halves)
    assert solve(WORLD).formulation == "auto:amp_dp_exact"
    installed()
    assert solve(WORLD, warm_start=WHOLE).formulation == "auto:warm_start"


@pytest.mark.parametrize("failure", [ValueError("mine"), EngineError("mine"), FormulationError("mine")], ids=repr)
def test_what_progress_raises_is_raised_unchanged(installed, failure):
    installed(interval_dp=halves, interval_cpsat=fails(AssertionError))

    def progress(point):
        raise failure

    with pytest.raises(type(failure)) as caught:
        solve(WORLD, progress=progress)
    assert caught.value is failure


@pytest.mark.parametrize("formulation", ["auto", "interval_dp", "interval_milp", "interval_cpsat", "amp_dp"])
def test_what_progress_raises_passes_every_solver(formulation):
    def progress(point):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        solve(WORLD, formulation, progress=progress)


def test_a_plan_is_priced_without_playing_the_step_through(installed, monkeypatch):
    """Simulating every microbatch of a large batch takes minutes, and knows no time limit."""

    def simulate(*_):
        raise AssertionError

    monkeypatch.setattr(importlib.import_module("milp_amp.judge.evaluate"), "simulate", simulate)
    installed(amp_dp=whole, mine=halves)
    assert solve(WORLD, "mine").objective == HALVES_SECONDS
    assert solve(WORLD, "mine", warm_start=WHOLE).objective == HALVES_SECONDS


def test_auto_without_any_plan_raises_the_last_failure(installed):
    installed(interval_milp=fails(EngineError("interval_milp: HiGHS is missing")))
    with pytest.raises(EngineError, match="HiGHS is missing"):
        solve(WORLD)


def test_auto_ends_with_a_proof_that_there_is_none(installed):
    installed(interval_dp=finds(exhausted=True), interval_cpsat=fails(AssertionError))
    assert solve(WORLD).status is Status.INFEASIBLE


def test_auto_searches_places_from_the_best_plan_of_the_intervals(installed):
    better = finds(HALVES, HALVES_SECONDS, bound=HALVES_SECONDS)
    installed(interval_dp=finds(WHOLE, WHOLE_SECONDS, bound=WHOLE_SECONDS), placement_search=better)
    result = solve(WORLD)
    assert (result.formulation, result.objective) == ("auto:placement_search", HALVES_SECONDS)
    assert (result.status, result.bound) == (Status.OPTIMAL, HALVES_SECONDS)
    assert "start 0.024" in result.notes


def test_what_is_proved_of_both_spaces_is_the_lesser_bound(installed):
    installed(interval_dp=proof, placement_search=finds(bound=0.012))
    result = solve(WORLD)
    assert (result.formulation, result.status) == ("auto:interval_dp", Status.FEASIBLE)
    assert (result.objective, result.bound, result.gap) == (HALVES_SECONDS, 0.012, pytest.approx(0.2))
    assert "interval_dp proved 0.015 s optimal in its own space" in result.notes
    assert all(point.bound is None or point.bound <= 0.012 for point in result.trace)


def test_no_bound_is_reported_that_the_other_space_may_undercut(installed):
    seen = []
    installed(interval_dp=proof, placement_search=finds(HALVES, HALVES_SECONDS, bound=0.012))
    solve(WORLD, progress=seen.append)
    assert {point.bound for point in seen} == {None, 0.012}


def test_nothing_is_proved_of_both_where_one_has_no_bound(installed):
    installed(interval_dp=proof, placement_search=finds(HALVES, HALVES_SECONDS))
    assert (solve(WORLD).status, solve(WORLD).bound) == (Status.FEASIBLE, None)


@pytest.mark.parametrize(
    ("places", "status", "objective"),
    [
        (finds(exhausted=True), Status.INFEASIBLE, None),
        (nothing, Status.UNKNOWN, None),
        (proof, Status.OPTIMAL, HALVES_SECONDS),
        (fails(FormulationError("not these restrictions")), Status.INFEASIBLE, None),
    ],
)
def test_there_is_no_plan_only_if_no_space_has_one(installed, places, status, objective):
    installed(interval_dp=finds(exhausted=True), placement_search=places)
    result = solve(WORLD)
    assert (result.status, result.objective) == (status, objective)


MANY_CLASSES = instance(
    {"fast": [3.0, 3.0]},
    [(f"n{k}", 1, "fast", 1) for k in range(7)],
    inside_GBps=1.0,
    nic_GBps={f"n{k}": 1.0 + k for k in range(7)},
)
ALONE = strategy((0, 2, "n0.0/0"))


def test_many_classes_are_left_to_places(installed):
    installed(interval_dp=fails(AssertionError("not asked")), placement_search=finds(ALONE, WHOLE_SECONDS))
    result = solve(MANY_CLASSES)
    assert (result.formulation, result.objective) == ("auto:placement_search", WHOLE_SECONDS)
    assert not any("not asked" in note for note in result.notes)


def test_many_classes_are_left_to_intervals_where_places_are_refused(installed):
    installed(interval_dp=finds(ALONE, WHOLE_SECONDS, bound=WHOLE_SECONDS))
    assert solve(MANY_CLASSES).formulation == "auto:interval_dp"


def test_each_of_two_spaces_has_half_of_the_time(installed):
    given = {}

    def claims(name, answer):
        def claim(world, prepass, limits):
            given[name] = limits.time_limit
            return answer(world, prepass, limits)

        return claim

    installed(interval_dp=claims("intervals", proof), placement_search=claims("places", proof))
    solve(WORLD, time_limit=1000)
    assert (given["intervals"], given["places"]) == (pytest.approx(500, abs=5), pytest.approx(1000, abs=10))


def test_auto_ends_with_the_time(installed):
    def slow(world, prepass, limits):
        time.sleep(limits.time_limit)
        return halves(world, prepass, limits)

    installed(interval_dp=slow, interval_cpsat=fails(AssertionError))
    assert solve(WORLD, time_limit=0.2).status is Status.FEASIBLE


def test_times_count_from_the_beginning(installed):
    seen = []

    def late(world, prepass, limits):
        time.sleep(0.05)
        return halves(world, prepass, limits)

    installed(amp_dp=late, mine=halves)
    result = solve(WORLD, "mine", progress=seen.append)
    assert result.trace[0].time_s >= 0.05
    assert [point.time_s for point in seen] == pytest.approx([point.time_s for point in result.trace])
    assert result.runtime_s >= result.trace[-1].time_s


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("time_limit", 0),
        ("time_limit", float("nan")),
        ("threads", 0),
        ("seed", -1),
        ("gap", 1),
        ("cost_model", "guess"),
        ("time_limit", "3"),
        ("time_limit", True),
        ("threads", "2"),
        ("threads", 2.0),
        ("seed", 1.5),
        ("seed", None),
        ("gap", "0.1"),
        ("gap", 10**400),
        ("progress", "loud"),
        ("warm_start", "plan.json"),
        ("export_program", 5),
        ("export_program", b"a.lp"),
    ],
)
def test_an_option_out_of_range_or_of_another_type_is_bad_input(option, value):
    with pytest.raises(InputError, match=option if option != "cost_model" else "guess"):
        solve(WORLD, "amp_dp", **{option: value})


def test_a_program_that_was_not_written_is_told(installed, tmp_path):
    def writes(world, prepass, limits):
        limits.export_program.write_text("min x")
        return proof(world, prepass, limits)

    installed(mine=writes, other=proof)
    program = tmp_path / "program.lp"
    assert not any("wrote no program" in note for note in solve(WORLD, "mine", export_program=program).notes)
    assert f"other wrote no program to {program}" in solve(WORLD, "other", export_program=program).notes


def test_options_may_be_numpy_numbers_and_text_paths(installed, tmp_path):
    installed(mine=proof)
    program = str(tmp_path / "program.lp")
    options = {"threads": np.int64(1), "seed": np.int32(3), "time_limit": np.float32(9), "export_program": program}
    result = solve(WORLD, "mine", **options)
    assert (result.status, result.seed) == (Status.OPTIMAL, 3)


def test_solving_works_in_any_thread(installed):
    installed(mine=proof)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(solve(WORLD, "mine")))
    thread.start()
    thread.join()
    assert answers[0].status is Status.OPTIMAL


def test_the_package_offers_at_most_twenty_names_and_no_others():
    assert callable(milp_amp.solve)
    assert callable(milp_amp.evaluate)
    assert milp_amp.evaluate(WORLD, HALVES).step_time == pytest.approx(HALVES_SECONDS)
    assert len(milp_amp.__all__) <= 20
    assert all(hasattr(milp_amp, name) for name in milp_amp.__all__)
    assert not hasattr(milp_amp, "guess")


def test_a_result_may_be_the_warm_start(installed):
    installed(mine=proof, other=nothing)
    result = solve(WORLD, "mine")
    assert solve(WORLD, "other", warm_start=result).objective == pytest.approx(HALVES_SECONDS)
    empty = amended(result, status=Status.UNKNOWN, strategy=None, objective=None, gap=None)
    with pytest.raises(PlanError, match="warm start: the result has no plan"):
        solve(WORLD, "other", warm_start=empty)


def test_whoever_runs_several_searches_may_stop_one_of_them(installed):
    stop = threading.Event()

    def endless(world, prepass, limits):
        stop.set()
        assert limits.stop.wait(timeout=10)
        return halves(world, prepass, limits)

    installed(mine=endless)
    assert solve(WORLD, "mine", stop=stop).status is Status.FEASIBLE
