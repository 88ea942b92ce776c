"""Boxes over the bottleneck and the synchronisation never lose a better path."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milp_amp.space.boxes import NARROW, Box, halves, lowest_slice, rest_of
from milp_amp.space.path import Path

small = st.integers(0, 12).map(float)
floors = st.floats(0, 20)
widths = st.one_of(st.floats(0, 20), st.just(math.inf))


@st.composite
def boxes(draw):
    floor, lowest = draw(floors), draw(floors)
    return Box(floor, floor + draw(widths), lowest, lowest + draw(widths))


def path(seconds, bottleneck, synchronisation):
    return Path((), seconds, bottleneck, synchronisation)


def holds(box, one):
    return (
        box.bottleneck_floor <= one.bottleneck <= box.bottleneck
        and box.synchronisation_floor <= one.synchronisation <= box.synchronisation
    )


def test_a_box_is_empty_when_a_ceiling_lies_below_its_floor():
    assert not Box(2, 2, 1, 1).empty
    assert Box(2, 1).empty
    assert Box(0, 1, 2, 1).empty


def test_a_box_is_wide_when_its_bottleneck_has_a_ceiling_two_percent_above_the_floor():
    assert Box(1, 1.03).wide
    assert not Box(1, 1.01).wide
    assert not Box(1, math.inf).wide


def test_the_bound_of_a_box_pays_its_floors():
    assert Box(2, 9, 3, 9).bound(10, weight=4) == 10 + 4 * 2 + 3


@pytest.mark.parametrize("weight", [0, 4])
def test_a_box_above_every_bottleneck_holds_nothing_however_few_the_microbatches(weight):
    assert Box(math.inf).bound(10, weight) == math.inf


def test_below_a_cutoff_the_ceilings_come_down():
    # 30 − (10 + 4 × 2 + 3) leaves 9: for W 9 / 4 above its floor, for S 9 above its own.
    assert Box(2, 99, 3, 99).below(30, 10, weight=4) == Box(2, 4.25, 3, 12)
    assert Box(2, 3, 3, 5).below(30, 10, weight=4) == Box(2, 3, 3, 5)


def test_with_one_microbatch_the_bottleneck_is_free():
    assert Box(2, math.inf, 3, math.inf).below(30, 10, weight=0) == Box(2, math.inf, 3, 20)


def test_what_a_path_leaves_is_a_lower_bottleneck_or_a_shorter_synchronisation():
    parts = [box for _, box in rest_of(Box(1, 9, 1, 9), path(10, 5, 4), weight=1, cutoff=100)]
    covered = [(W, S) for W in range(1, 10) for S in range(1, 10) if any(holds(b, path(0, W, S)) for b in parts)]
    assert covered == [(W, S) for W in range(1, 10) for S in range(1, 10) if W < 5 or S < 4]


def test_above_the_paths_own_bottleneck_that_bottleneck_is_paid():
    bounds = {box.bottleneck_floor: bound for bound, box in rest_of(Box(1, 9, 1, 9), path(10, 5, 4), 2, cutoff=100)}
    assert bounds[1] == 10 + 2 * 1 + 1
    assert bounds[5] == 10 + 2 * 5 + 1


def test_no_empty_box_is_left():
    # The path has the least bottleneck and the least synchronisation of the box.
    assert list(rest_of(Box(5, 9, 4, 9), path(10, 5, 4), weight=1, cutoff=100)) == []


def test_with_one_microbatch_only_a_shorter_synchronisation_can_be_better():
    ((bound, box),) = rest_of(Box(1, math.inf, 1, 9), path(10, 5, 4), weight=0, cutoff=100)
    assert bound == 10 + 1
    assert (box.bottleneck_floor, box.synchronisation_floor) == (0, 1)
    assert box.synchronisation == math.nextafter(4, 0)


@given(boxes(), st.floats(0, 45), st.floats(0, 45))
def test_two_halves_are_the_whole_and_share_nothing(box, W, S):
    parts = halves(box)
    assert len(parts) == (2 if box.wide else 1)
    assert sum(holds(part, path(0, W, S)) for part in parts) == holds(box, path(0, W, S))


def test_halves_meet_in_the_middle():
    lower, upper = halves(Box(2, 6, 1, 3))
    assert (lower.bottleneck_floor, lower.bottleneck) == (2, 4)
    assert (upper.bottleneck_floor, upper.bottleneck) == (math.nextafter(4, 5), 6)
    assert (lower.synchronisation_floor, lower.synchronisation) == (1, 3)


@given(boxes().filter(lambda box: box.wide), st.floats(0, 45), st.floats(0, 45))
def test_the_lowest_slice_is_narrow_and_with_the_rest_the_whole(box, W, S):
    lowest, rest = lowest_slice(box)
    # A slice at zero would never become narrow: a thousandth of the ceiling counts as none.
    above_zero = box.bottleneck / 1000
    assert lowest.bottleneck == pytest.approx(max(box.bottleneck_floor * (1 + NARROW), above_zero))
    assert not lowest.wide or lowest.bottleneck == pytest.approx(above_zero)
    assert not lowest.empty
    assert holds(lowest, path(0, W, S)) + holds(rest, path(0, W, S)) == holds(box, path(0, W, S))


@given(st.lists(st.tuples(small, small, small), min_size=1, max_size=12), st.integers(0, 5), boxes())
def test_opening_boxes_until_none_is_left_finds_the_best_of_a_list_of_paths(triples, weight, root):
    """The search of ``interval_dp`` over a list of paths in place of a graph."""
    paths = [path(*triple) for triple in triples]
    inside = [one for one in paths if holds(root, one)]
    best, waiting, opened = math.inf, [(-math.inf, root)], 0
    while waiting:
        bound, box = waiting.pop()
        if bound >= best:
            continue
        opened += 1
        assert opened < 1000
        under = [p for p in paths if p.bottleneck <= box.bottleneck and p.synchronisation <= box.synchronisation]
        if not under:
            continue
        cheapest = min(under, key=lambda one: one.seconds)
        best = min(best, cheapest.step_time(weight))
        waiting += rest_of(box, cheapest, weight, best)
    assert best <= min((one.step_time(weight) for one in inside), default=math.inf) * (1 + 1e-9)
    assert best in (math.inf, *(one.step_time(weight) for one in paths))


@given(st.lists(st.tuples(small, small, small), min_size=2, max_size=12), st.integers(0, 5), boxes(), st.floats(0, 99))
def test_what_is_left_of_a_box_holds_every_better_path_above_its_bound(triples, weight, box, cutoff):
    paths = [path(*triple) for triple in triples]
    inside = [one for one in paths if holds(box, one)]
    under = [p for p in paths if p.bottleneck <= box.bottleneck and p.synchronisation <= box.synchronisation]
    if not under:
        return
    cheapest = min(under, key=lambda one: one.seconds)
    parts = list(rest_of(box, cheapest, weight, cutoff))
    for one in inside:
        value = one.step_time(weight)
        if value < min(cutoff, cheapest.step_time(weight)) - 1e-9:
            assert any(holds(part, one) and bound <= value + 1e-9 for bound, part in parts)
