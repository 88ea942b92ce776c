"""Served tokens against the seconds of one: what is kept, what is searched, what is shown."""

import math
from dataclasses import replace

import matplotlib as mpl
import msgspec
import pytest

from formulations import serving_rate
from milp_amp.engine.interrupts import INTERRUPTED
from milp_amp.errors import InputError
from milp_amp.judge.serve import Load
from milp_amp.plan.placement import Placement, ServedRate
from milp_amp.problem.serving import Performance, Requests
from milp_amp.solving.pareto import MARGIN, RUNS, Front, Point, non_dominated, pareto
from milp_amp.solving.service import served_rate
from milp_amp.view.pareto_text import depth, describe, draw_front, render_front
from tests.serving.worlds import serving

LOAD = Load(prompt_tokens=(40, 100, 60), output_tokens=(12, 8, 16), warm_up_s=5.0, measured_s=40.0)


def world(groups, layers=2):
    """Machines that hold the whole model; ``groups`` is ``{"a": (2, 1.0)}``: how many, and how slow.

    One as slow as 1 runs 100 prompt tokens of a layer in 2 ms, and a decode of up to 40 requests in 10 ms.
    """
    instance = serving({name: (n, [1000 / (slow * k) for k in (1, 2)]) for name, (n, slow) in groups.items()}, layers)
    performance = {
        name: Performance(
            tokens_per_s=instance.performance[name].tokens_per_s,
            prompt_ms=((0, 0.0), (1000, 20 * slow)),
            decode_ms=((0, 0.0), (2, 10 * slow), (40, 10 * slow), (480, 120 * slow)),
            kv_token_layers=(12000.0, 12000.0),
        )
        for name, (_, slow) in groups.items()
    }
    sent = Requests(mean_prompt_tokens=70, mean_output_tokens=12)
    return msgspec.structs.replace(instance, performance=performance, requests=sent)


FAST_AND_SLOW = world({"fast": (1, 1.0), "slow": (1, 4.0)})
ALONE = {"fast.0": (0, 2)}
BESIDE = {"fast.0": (0, 2), "slow.0": (0, 2)}


@pytest.fixture(autouse=True)
def _many_short_searches(monkeypatch):
    monkeypatch.setattr(serving_rate, "STEPS", 200)
    monkeypatch.setattr("milp_amp.solving.pareto.RESTARTS", 6)


def point(tokens_per_s, token_s, layers=None, runs=3):
    served = ServedRate(
        runs=runs, tokens_per_s=tokens_per_s, interval=1.5, token_s=token_s, refused=0.25, flow_tokens_per_s=50.0
    )
    return Point(placement=Placement(layers=layers or ALONE), served=served)


def numbers(points):
    return [(each.served.tokens_per_s, each.served.token_s) for each in points]


def test_who_serves_less_and_slower_is_not_kept():
    assert numbers(non_dominated([point(2, 0.5), point(3, 0.4), point(1, 0.1)])) == [(3, 0.4), (1, 0.1)]


def test_who_serves_as_much_but_slower_is_not_kept():
    assert numbers(non_dominated([point(3, 0.5), point(3, 0.4)])) == [(3, 0.4)]


def test_who_serves_less_as_fast_is_not_kept():
    assert numbers(non_dominated([point(2, 0.4), point(3, 0.4)])) == [(3, 0.4)]


def test_who_serves_nothing_is_not_kept():
    assert non_dominated([point(0, 0.1), point(0, math.inf)]) == ()


def test_a_front_of_a_front_is_the_front():
    front = non_dominated(point(k * 37 % 101, k * 53 % 97 + 1) for k in range(1, 80))
    assert non_dominated(front) == front
    assert 3 < len(front) < 79


def test_a_slow_machine_beside_a_fast_one_serves_more_and_makes_tokens_wait():
    front = pareto(FAST_AND_SLOW, LOAD, points=4)
    assert [each.placement.layers for each in front.points] == [BESIDE, ALONE]
    more, sooner = (each.served for each in front.points)
    assert more.tokens_per_s > sooner.tokens_per_s
    assert more.token_s > 1.2 * sooner.token_s


def test_on_the_front_less_is_served_by_who_is_faster():
    front = pareto(world({"a": (2, 1.0), "b": (2, 2.0), "c": (1, 5.0)}), LOAD, points=4)
    rates, waits = zip(*numbers(front.points), strict=True)
    assert list(rates) == sorted(rates, reverse=True)
    assert list(waits) == sorted(waits, reverse=True)
    assert len(set(rates)) == len(set(waits)) == len(rates) >= 2


def test_the_front_holds_what_the_judge_says_and_others_do_not_beat_it():
    front = pareto(FAST_AND_SLOW, LOAD, points=3)
    for each in front.points:
        assert each.served == served_rate(FAST_AND_SLOW, each.placement, LOAD, RUNS)
    assert non_dominated([*front.points, *front.dominated]) == front.points
    assert len(front.points) + len(front.dominated) <= front.candidates


def test_limits_fall_until_nothing_keeps_them_and_then_lie_between_the_ends():
    front = pareto(FAST_AND_SLOW, LOAD, points=6)
    anything, *limits = front.limits
    assert (anything, len(limits)) == (None, 5)
    fastest = front.points[-1].served.token_s
    kept = [limit > 0.95 * fastest for limit in limits]
    lowest = kept.index(False)
    assert limits[: lowest + 1] == sorted(limits[: lowest + 1], reverse=True)
    between = limits[lowest + 1 :]
    assert len(between) >= 3
    assert front.points[0].served.token_s * 1.05 > between[0] > between[1] > between[2] > 0.95 * fastest
    assert between[0] / between[1] == pytest.approx(between[1] / between[2])


def test_one_point_is_the_plan_that_serves_most():
    front = pareto(FAST_AND_SLOW, LOAD, points=1)
    assert front.limits == (None,)
    assert front.points[0].placement.layers == BESIDE


def test_the_same_seed_finds_the_same_front():
    first, second = (pareto(FAST_AND_SLOW, LOAD, points=3, seed=7) for _ in range(2))
    assert msgspec.structs.replace(first, runtime_s=0.0) == msgspec.structs.replace(second, runtime_s=0.0)


def test_no_plan_is_simulated_twice_in_the_same_order():
    told = []
    pareto(FAST_AND_SLOW, LOAD, points=5, progress=told.append)
    simulated = [event for event in told if event.what != "judged"]
    assert len(simulated) <= 3 * 9  # nine placements hold the model, three orders each
    assert {event.what for event in told} >= {"any", "judged"}
    assert [event.time_s for event in told] == sorted(event.time_s for event in told)


def test_the_largest_flow_is_one_more_row():
    """Both machines hold all: 500 and 125 tokens/s."""
    front = pareto(FAST_AND_SLOW, LOAD, points=1)
    assert front.largest_flow.served.flow_tokens_per_s == pytest.approx(625)


def test_requests_are_drawn_where_none_are_given():
    assert pareto(FAST_AND_SLOW, points=1).points[0].served.tokens_per_s > 0


def test_when_the_time_is_up_what_there_is_is_judged_once(monkeypatch):
    monkeypatch.setattr(serving_rate, "STEPS", 10**9)
    front = pareto(FAST_AND_SLOW, LOAD, points=5, time_limit=0.5)
    assert front.limits == (None,)
    assert front.notes == (INTERRUPTED,)
    assert front.points
    assert front.runtime_s < 5


def test_where_nothing_holds_the_model_the_front_is_empty():
    front = pareto(world({"a": (1, 1.0)}, layers=3), LOAD, points=3)
    assert (front.points, front.candidates, front.limits) == ((), 0, (None,))
    assert render_front(FAST_AND_SLOW, front).splitlines()[0].endswith("a token: 0")


@pytest.mark.parametrize("points", [0, -1, 101])
def test_a_number_of_points_that_cannot_be_meant_is_refused(points):
    with pytest.raises(InputError, match=f"points = {points}, expected an integer from 1 to 100"):
        pareto(FAST_AND_SLOW, LOAD, points=points)


def test_without_requests_and_without_their_means_nothing_is_sought():
    with pytest.raises(InputError, match="requests are missing"):
        pareto(msgspec.structs.replace(FAST_AND_SLOW, requests=None), LOAD)


@pytest.mark.parametrize(
    ("layers", "deep"),
    [
        ({"a": (0, 4)}, 1),
        ({"a": (0, 2), "b": (2, 4), "c": (2, 4)}, 2),
        ({"a": (0, 2), "b": (2, 3), "c": (3, 4), "d": (0, 4)}, 3),
        ({"a": (0, 2), "b": (1, 2), "c": (2, 4)}, 2),
        ({"a": (0, 2)}, 0),
    ],
)
def test_depth_is_the_longest_way_through_all_layers(layers, deep):
    assert depth(4, Placement(layers=layers)) == deep


def test_amid_its_layers_a_machine_is_one_more_on_the_way():
    layers = {"a": (0, 2), "b": (1, 4)}
    assert depth(4, Placement(layers=layers)) == 0
    assert depth(4, Placement(layers=layers, partial_inference=True)) == 2


FRONT = Front(
    instance="tiny",
    points=(point(300, 0.75, BESIDE), point(200, 0.5, runs=1)),
    dominated=(point(100, 0.6),),
    largest_flow=point(90, 0.9),
    limits=(None, 0.2),
    candidates=7,
    runtime_s=12.0,
    seed=0,
    notes=("note",),
)


def test_a_report_has_a_row_for_every_plan():
    lines = render_front(FAST_AND_SLOW, FRONT).splitlines()
    assert lines[0] == "tiny: plans that no other beats in tokens/s and in the seconds of a token: 2"
    assert lines[2] == "  simulated     7 plans, of which 3 were judged in other orders of the requests"
    assert lines[-3].split() == ["300", "±", "1.5", "750", "ms", "50", "1", "25", "%"]
    assert lines[-2].split() == ["200", "500", "ms", "50", "1", "25", "%"]  # of one run nothing is known
    assert lines[-1].split()[:3] == ["largest", "flow", "90"]


@pytest.mark.parametrize(("form", "start"), [("svg", b"<?xml"), ("png", b"\x89PNG\r\n"), ("pdf", b"%PDF")])
def test_the_same_front_is_the_same_picture(form, start):
    first = draw_front(FRONT, form)
    with mpl.rc_context({"font.size": 30}):
        assert draw_front(FRONT, form) == first
    assert first.startswith(start)


def test_a_picture_says_what_its_markers_mean():
    text = draw_front(FRONT, "svg").decode()
    for words in ("no plan beats it", "other plans", "largest flow", "seconds of an output token"):
        assert words in text


def test_orders_of_requests_change_less_than_what_is_not_judged():
    """A plan that is left out is beaten by more than the orders of requests differ by."""
    loads = [replace(LOAD, measured_s=200.0, seed=seed) for seed in range(4)]
    rates = [served_rate(FAST_AND_SLOW, Placement(layers=ALONE), load, 1).tokens_per_s for load in loads]
    assert max(rates) / min(rates) - 1 < MARGIN


def test_progress_is_one_line():
    told = []
    pareto(FAST_AND_SLOW, LOAD, points=1, progress=told.append)
    assert describe(told[0]).split()[2] == "any:"
    assert "tokens/s, a token" in describe(told[0])
