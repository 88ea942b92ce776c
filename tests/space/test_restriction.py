"""What restrictions leave of stages, without any search."""

import numpy as np
import pytest

from milp_amp.problem.restrictions import Restrictions
from milp_amp.space.classes import FREE
from milp_amp.space.order import orders
from milp_amp.space.restriction import (
    allows_configuration,
    allows_stage,
    mark,
    needs_stage_count,
    needs_stage_index,
    stage_counts,
    stage_mask,
)
from tests.builders import instance

FOUR = instance({"fast": [3.0] * 4}, [("a", 2, "fast", 2), ("b", 1, "fast", 2)])
A0, A1, B = FOUR.cluster.hosts


def intervals(*texts, marks=(), index=None, stages=None):
    mask = stage_mask(Restrictions.parse(texts), 4, marks, index, stages)
    assert mask.shape == (4, 5)
    return [(int(i), int(j)) for i, j in np.argwhere(mask)]


def test_without_restrictions_every_interval_may_be_a_stage():
    assert intervals() == [(i, j) for i in range(4) for j in range(i + 1, 5)]
    assert intervals(index=0, stages=2) == intervals()


def test_pinned_layers_stay_together():
    cut = [(0, 2), (1, 2), (2, 3), (2, 4)]
    assert intervals("layers 1-2 in stage 0") == [span for span in intervals() if span not in cut]


def test_pinned_layers_are_in_their_stage_and_no_other():
    assert intervals("layers 1-2 in stage -1", index=1, stages=2) == [(0, 3), (0, 4), (1, 3), (1, 4)]
    assert intervals("layers 1-2 in stage -1", index=0, stages=2) == [(0, 1), (3, 4)]
    assert intervals("layers 1-2 in stage 2", index=1, stages=2) == [(0, 1), (3, 4)]  # there is no stage 2


def test_a_fixed_stage_is_one_or_is_missed():
    assert intervals("stage 1-2") == [(0, 1), (1, 3), (3, 4)]


def test_a_fixed_stage_sits_on_its_nodes():
    asked = Restrictions.parse(["stage 1-2 on a.0,b"])
    marks = [mark(asked, node) for node in (A0, A1, B)]
    assert marks[0] == marks[2] != marks[1]
    assert (1, 3) in intervals("stage 1-2 on a.0,b", marks=[marks[0], marks[2]])
    assert intervals("stage 1-2 on a.0,b", marks=[marks[0], marks[1]]) == [(0, 1), (3, 4)]


def test_even_stages_have_the_mean_rounded_either_way():
    assert intervals("even_layers", index=0, stages=3) == [(0, 1), (0, 2), (1, 2), (1, 3), (2, 3), (2, 4), (3, 4)]
    assert intervals("even_layers", index=0, stages=2) == [(0, 2), (1, 3), (2, 4)]


@pytest.mark.parametrize(
    ("text", "index", "serves"), [("nodes a in stage 1", 1, True), ("nodes a in stage -2", 0, False)]
)
def test_pinned_nodes_serve_their_stage_alone(text, index, serves):
    asked = Restrictions.parse([text])
    assert mark(asked, A0) == mark(asked, A1) != mark(asked, B) == FREE
    assert mark(asked, A0).serves(index, 3) == serves
    assert bool(intervals(text, marks=[mark(asked, A0)], index=index, stages=3)) == serves
    assert intervals(text, marks=[mark(asked, B)], index=index, stages=3) == intervals()


def test_idle_nodes_serve_no_stage():
    asked = Restrictions.parse(["idle a.1"])
    assert intervals("idle a.1", marks=[mark(asked, A0), mark(asked, A1)]) == []


def test_numbers_are_allowed_or_not():
    asked = Restrictions.parse(["data_parallel<=2", "microbatch_size=1,4", "num_microbatches>=2"])
    assert allows_configuration(asked, 2, 4, 2)
    assert not allows_configuration(asked, 4, 4, 2)
    assert not allows_configuration(asked, 2, 2, 2)
    assert not allows_configuration(asked, 2, 4, 1)
    assert allows_stage(Restrictions.parse(["tensor_parallel<=2", "stage_devices=4"]), 2, 4)
    assert not allows_stage(Restrictions.parse(["tensor_parallel<=2", "stage_devices=4"]), 2, 2)
    assert not allows_stage(Restrictions.parse(["tensor_parallel<=2"]), 4, 4)
    assert stage_counts(Restrictions.parse(["pipeline_parallel>=2"]), 4) == (2, 3, 4)


@pytest.mark.parametrize(
    ("text", "count", "index"),
    [
        ("tensor_parallel=2", False, False),
        ("stage 1-2 on a", False, False),
        ("pipeline_parallel<=3", True, False),
        ("even_layers", True, True),
        ("layer 0 in stage 0", False, False),  # whatever holds layer 0 is stage 0
        ("layers 2-3 in stage -1", False, False),
        ("layers 1-2 in stage 0", True, True),
        ("layers 0-1 in stage 1", True, True),
        ("nodes a in stage -1", True, True),
    ],
)
def test_only_some_restrictions_ask_for_the_number_or_the_index_of_stages(text, count, index):
    asked = Restrictions.parse([text])
    assert (needs_stage_count(asked, 4), needs_stage_index(asked, 4)) == (count, index)
    found = list(orders(asked, 4, 3, [[FREE]]))
    assert [order and order.counts for order in found] == (
        [(1,), (2,), (3,)] if index else [(1, 2, 3)] if count else [None]
    )
