"""One incumbent, one bound: what a search may claim at any moment."""

import math
import threading

import pytest

from milp_amp.engine.limits import Limits, Start
from milp_amp.engine.search import BestFirst, Later, Search
from milp_amp.errors import FormulationError
from milp_amp.plan.result import Status
from tests.builders import strategy

PLAN = strategy((0, 2, "a.0/0"))
BETTER = strategy((0, 2, "a.0/1"))


def outcome(search, exhausted=True):
    return search.result(
        instance="tiny", formulation="by hand", cost_model="pipeline", exhausted=exhausted, versions={}
    )


class Tree:
    """Cells are names: what they cost, if they are plans, and what they open into."""

    def __init__(self, children, plans=(), **limits):
        self.search = Search(Limits(**limits))
        self.opened = []
        self._children, self._plans = children, dict(plans)
        self.heap = BestFirst(self.search, self._expand)

    def _expand(self, bound, cell):
        self.opened.append(cell)
        if cell in self._plans:
            self.search.improve(self._plans[cell], PLAN)
        return self._children.get(cell, ())

    def run(self, **roots):
        for cell, bound in roots.items():
            self.heap.push(bound, cell)
        return outcome(self.search, self.heap.run())


def test_the_cell_with_the_least_bound_is_opened_first():
    tree = Tree({"a": [(4, "aa")]})
    tree.run(b=3, a=1, c=2)
    assert tree.opened == ["a", "c", "b", "aa"]


def test_an_incumbent_closes_every_cell_that_cannot_beat_it():
    tree = Tree({"a": [(4, "aa"), (9, "ab")]}, {"aa": 5})
    result = tree.run(a=1, b=6)
    assert tree.opened == ["a", "aa"]
    assert (result.status, result.objective) == (Status.OPTIMAL, 5)
    assert result.bound == pytest.approx(5)


def test_a_child_is_bounded_by_its_parent():
    tree = Tree({"a": [(1, "aa")], "aa": [(0, "aaa")]}, {"c": 8})
    tree.run(a=5, c=4)
    assert [point.bound for point in outcome(tree.search).trace] == [4, 4, 5, pytest.approx(8)]
    assert tree.opened == ["c", "a", "aa", "aaa"]


def test_a_child_waits_for_its_turn_among_those_of_its_parents_bound():
    tree = Tree({"a": [(1, "aa")]})
    tree.run(a=5, b=5)
    assert tree.opened == ["a", "b", "aa"]


def test_a_cell_that_is_put_off_is_opened_again_under_a_better_incumbent_alone():
    tree = Tree({"a": [(3, Later("hard"))], "hard": [(3, Later("hard"))]}, {"b": 6, "c": 5})
    result = tree.run(a=1, b=2, c=4)
    assert tree.opened == ["a", "b", "c", "hard"]
    assert (result.status, result.objective, result.bound) == (Status.FEASIBLE, 5, 3)


def test_a_cell_that_is_put_off_may_prove_the_optimum_later():
    tree = Tree({"a": [(3, Later("hard"))], "hard": []}, {"b": 5})
    result = tree.run(a=1, b=2)
    assert tree.opened == ["a", "b", "hard"]
    assert (result.status, result.objective) == (Status.OPTIMAL, 5)


def test_a_plan_found_in_the_cell_that_is_put_off_is_a_better_incumbent():
    tree = Tree({"a": [(3, Later("hard"))], "hard": []}, {"a": 5})
    assert tree.run(a=1).status is Status.OPTIMAL
    assert tree.opened == ["a", "hard"]


def test_a_search_that_ends_empty_proves_that_there_is_no_plan():
    result = Tree({"a": []}).run(a=1)
    assert (result.status, result.strategy, result.gap) == (Status.INFEASIBLE, None, None)


def test_a_search_that_is_stopped_claims_its_least_open_bound():
    stop = threading.Event()
    tree = Tree({"a": [(4, "aa"), (3, "ab")]}, {"a": 10}, stop=stop)
    tree.search.limits.stop.clear()
    expand = tree.heap._expand

    def stop_after_the_first(bound, cell):
        stop.set()
        return expand(bound, cell)

    tree.heap._expand = stop_after_the_first
    result = tree.run(a=1, b=7)
    assert tree.opened == ["a"]
    assert (result.status, result.objective, result.bound, result.gap) == (Status.FEASIBLE, 10, 3, 0.7)


def test_a_search_that_is_stopped_without_a_plan_knows_nothing_but_its_bound():
    stop = threading.Event()
    stop.set()
    result = Tree({}, stop=stop).run(a=1, b=7)
    assert (result.status, result.objective, result.bound, result.gap) == (Status.UNKNOWN, None, 1, None)


def test_when_the_time_is_up_no_cell_is_opened():
    tree = Tree({}, {"a": 5}, time_limit=0.0)
    assert tree.run(a=1).status is Status.UNKNOWN
    assert (tree.opened, tree.search.remaining, tree.search.stopped) == ([], 0.0, True)


def test_a_cell_that_is_given_up_keeps_its_bound_as_all_that_is_proved():
    # The solver's tolerance left 4.9 to 5 open; nothing else is.
    result = Tree({"a": [(4.9, None)]}, {"a": 5}).run(a=1, b=6)
    assert (result.status, result.bound) == (Status.FEASIBLE, 4.9)
    assert result.gap == pytest.approx(0.02)


def test_a_cell_that_is_given_up_is_no_worse_than_its_parent():
    assert Tree({"a": [(-math.inf, None)]}, {"a": 5}).run(a=4).bound == 4


def test_a_cell_that_is_given_up_holds_the_bound_but_not_the_search():
    tree = Tree({"a": [(2, None)]}, {"a": 5, "b": 4})
    assert tree.run(a=1, b=3).bound == 2
    assert (tree.opened, tree.search.value) == (["a", "b"], 4)


def test_within_the_gap_a_plan_is_optimal():
    result = Tree({"a": [(96, "aa")]}, {"a": 100}, gap=0.05).run(a=1)
    assert (result.status, result.bound) == (Status.OPTIMAL, 95)
    result = Tree({"a": [(94, "aa")]}, {"a": 100}, gap=0.05, time_limit=math.inf).run(a=1)
    assert result.status is Status.OPTIMAL  # aa was opened and held nothing


def test_a_plan_above_the_gap_is_only_feasible():
    search = Search(Limits(gap=0.05))
    search.improve(100, PLAN)
    search.raise_bound(94.9)
    assert outcome(search, exhausted=False).status is Status.FEASIBLE
    search.raise_bound(95)
    assert outcome(search, exhausted=False).status is Status.OPTIMAL


def test_only_a_better_plan_is_taken():
    search = Search(Limits())
    assert search.improve(5, PLAN)
    assert not search.improve(5, BETTER)
    assert not search.improve(6, BETTER)
    assert (search.value, search.strategy) == (5, PLAN)
    assert search.improve(4, BETTER)
    assert (search.value, search.strategy) == (4, BETTER)


def test_a_bound_never_falls_and_never_passes_the_plan():
    search = Search(Limits())
    search.improve(5, PLAN)
    for bound, expected in ((1, 1), (3, 3), (2, 3), (9, 5)):
        search.raise_bound(bound)
        assert search.bound == expected


def test_a_bound_of_the_open_cell_holds_everywhere_only_up_to_the_others():
    search = Search(Limits())
    search.leave_elsewhere(3)
    search.raise_cell_bound(2)
    assert search.bound == 2
    search.raise_cell_bound(8)
    assert search.bound == 3


def test_while_a_cell_is_open_the_heap_says_what_is_proved_of_the_others():
    tree = Tree({})
    seen = []

    def expand(bound, cell):
        tree.search.raise_cell_bound(100)
        seen.append(tree.search.bound)
        return [(2.5, None)] if cell == "a" else []

    tree.heap._expand = expand
    tree.run(a=1, b=2, c=4)
    assert seen == [2, 2.5, 2.5]  # others at 2; then the one that was given up at 2.5, below c


def test_a_cell_that_is_too_large_is_named_and_nothing_is_claimed_about_it():
    tree = Tree({}, {"b": 5})
    reasons = {"a": "too many layers"}

    def expand(bound, cell):
        if cell in reasons:
            raise FormulationError(reasons[cell])
        return tree._expand(bound, cell)

    tree.heap._expand = expand
    result = tree.run(a=1, b=2)
    assert (result.status, result.objective, result.bound) == (Status.FEASIBLE, 5, 1)
    assert result.notes == ("parts of the space not searched, so not proved: 1; too many layers",)


def test_a_warm_start_is_the_first_incumbent():
    search = Search(Limits(start=Start(PLAN, 5)))
    assert (search.value, search.strategy) == (5, PLAN)
    assert [point.objective for point in outcome(search, exhausted=False).trace] == [5]


def test_the_trace_is_what_progress_was_told_and_only_ever_improves():
    told = []
    tree = Tree({"a": [(2, "b"), (3, "c")], "b": [(4, "d")]}, {"a": 9, "b": 7, "d": 5}, progress=told.append)
    result = tree.run(a=1)
    assert list(result.trace) == told
    objectives = [point.objective for point in told if point.objective is not None]
    bounds = [point.bound for point in told if point.bound is not None]
    assert objectives == sorted(objectives, reverse=True)
    assert bounds == sorted(bounds)
    assert [point.time_s for point in told] == sorted(point.time_s for point in told)
    assert (objectives[-1], bounds[-1]) == (5, pytest.approx(5))


def test_with_an_incumbent_nobody_looks_for_less_than_the_gap():
    search = Search(Limits(gap=0.1))
    assert search.cutoff == math.inf
    search.improve(10, PLAN)
    assert search.cutoff == 9
