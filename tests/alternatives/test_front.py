"""The front of step time and another quantity: what enumeration finds, no point beaten and none missing."""

import itertools
import random

import pytest
from msgspec.structs import replace

from milp_amp.bounds.prepass import prepare
from milp_amp.errors import EngineError, InputError
from milp_amp.judge.evaluate import closed_form, evaluate
from milp_amp.plan.front import undominated
from milp_amp.plan.result import Status, relative_gap
from milp_amp.problem.objective import Objective
from milp_amp.solving.answer import answered
from milp_amp.solving.front import front
from tests.agreement.drawing import draw
from tests.alternatives.every_plan import of_intervals, of_places
from tests.builders import instance, strategy
from tests.placements.drawing import draw as draw_placed
from tests.placements.test_objectives import with_prices

TOLERANCE = 1e-6


def enumerated(world, plans, quantity):
    """Return the front of all valid plans, as step times and what is spent."""
    costs = prepare(replace(world, objective=Objective(minimise="price") if quantity is price else Objective())).costs
    judged = [evaluate(world, plan, costs=costs) for plan in plans(prepare(world))]
    return undominated([(each.step_time, quantity(each)) for each in judged if each.valid], lambda point: point)


def price(judged):
    return judged.price


def filled(judged):
    return -min(memory.headroom_GiB for memory in judged.memory)


def found(world, against, formulation):
    result = front(world, against, formulation, threads=1)
    return result, [
        (point.step_time, point.price if against == "price" else -point.headroom_GiB) for point in result.points
    ]


def agrees(world, against, formulation, plans, quantity):
    expected = enumerated(world, plans, quantity)
    result, points = found(world, against, formulation)
    assert result.status is (Status.OPTIMAL if expected else Status.INFEASIBLE)
    assert result.complete
    for time, spent in expected:
        assert any(t <= time * (1 + TOLERANCE) and s <= spent + TOLERANCE * abs(spent) for t, s in points), "missing"
    for t, s in points:
        beaten = [time < t * (1 - TOLERANCE) and spent <= s for time, spent in expected]
        beaten += [time <= t and spent < s - TOLERANCE * abs(s) for time, spent in expected]
        assert not any(beaten)
    return len(expected)


@pytest.mark.parametrize("group", range(4))
def test_step_time_against_memory_is_what_enumeration_of_intervals_finds(group):
    points = [
        agrees(draw(seed), "memory", "interval_dp", of_intervals, filled) for seed in range(8 * group, 8 * group + 8)
    ]
    assert max(points) > 2  # some of these worlds have something to choose


def test_step_time_against_memory_is_what_enumeration_of_places_finds():
    for seed in range(5):
        agrees(draw_placed(seed, max_devices=4, max_layers=3), "memory", "placement_search", of_places, filled)


def test_step_time_against_price_is_what_enumeration_finds():
    for seed in range(5):
        world = with_prices(draw_placed(seed, max_devices=4, max_layers=3), random.Random(seed))
        agrees(world, "price", "placement_search", of_places, price)


def test_a_slow_device_that_is_cheap_and_both_are_two_points():
    # Two layers of 3 ms on the fast device and 6 ms on the slow one, four microbatches: 24 ms at $4 an hour alone,
    # 48 ms at $1, and with one layer on each (3 + 6) + 3 * 6 = 27 ms at $5, which is slower and dearer than the fast.
    _, points = found(fast_and_cheap(), "price", "auto")
    (first, dear), (second, cheap) = points
    assert (first, second) == pytest.approx((24e-3, 48e-3))
    assert (dear, cheap) == pytest.approx((24e-3 * 4 / 3600, 48e-3 * 1 / 3600))


def test_what_nothing_has_is_set_against_nothing():
    with pytest.raises(InputError, match="against price: nothing has one"):
        front(instance(), "price")
    with pytest.raises(InputError, match="cost model 'amp' does not limit it"):
        front(instance(), "memory", cost_model="amp")


def fast_and_cheap():
    """Return a world of two points: the fast device alone, 24 ms at $4 an hour, or the slow one, 48 ms at $1."""
    return instance(
        {"fast": [3, 3], "slow": [6, 6]},
        [("a", 1, "fast", 1), ("b", 1, "slow", 1)],
        price_per_hour={"fast": 4.0, "slow": 1.0},
    )


def hastily(monkeypatch, change):
    """Let ``change`` say what becomes of the result of every search, by its number."""
    numbers = itertools.count()

    def hasty(run, formulation, start):
        return change(next(numbers), run, answered(run, formulation, start))

    monkeypatch.setattr("milp_amp.solving.front.answered", hasty)


def slow_alone(run, result, bound):
    value, _ = closed_form(run.instance, strategy((0, 2, "b.0/0")), run.prepass.costs)
    return replace(
        result,
        strategy=strategy((0, 2, "b.0/0")),
        objective=value,
        bound=bound,
        gap=None if bound is None else relative_gap(value, bound),
        status=Status.FEASIBLE,
    )


@pytest.mark.parametrize("bound", [None, 1e-3])
def test_a_front_with_a_hole_is_not_complete_though_its_end_is_reached(monkeypatch, bound):
    # The cheapest plan is sought first, then the fastest: that search ends with the slow device, the cheapest of all.
    hastily(monkeypatch, lambda number, run, result: slow_alone(run, result, bound) if number == 1 else result)
    result = front(fast_and_cheap(), "price", "placement_search", threads=1)
    assert (result.status, result.complete) == (Status.FEASIBLE, False)
    assert result.notes == ("not every search was finished: between the points others may be missing",)
    assert {(point.result.bound, point.result.status) for point in result.points} == {(bound, Status.FEASIBLE)}
    # What the searches came by fills the hole.
    assert [point.step_time for point in result.points] == pytest.approx([24e-3, 48e-3])


def test_a_front_that_a_solver_ends_keeps_its_points(monkeypatch):
    def falling(number, run, result):
        if number == 3:
            raise EngineError("the solver fell over")
        return result

    hastily(monkeypatch, falling)
    result = front(fast_and_cheap(), "price", "placement_search", threads=1)
    assert (result.status, result.complete) == (Status.FEASIBLE, False)
    assert result.points[0].step_time == pytest.approx(24e-3)
    assert result.notes == (
        "the front ends early: the solver fell over",
        "beyond the last point nothing is known",
    )
