"""A step drawn: every pass where the simulation has it, or how busy stages are where passes are too many."""

import pytest

from milp_amp.judge.evaluation import Evaluation
from milp_amp.judge.simulate import Job, Span, Timeline
from milp_amp.view.timeline import busy_parts, stage_seconds_figure, timeline_figure

TWO_STAGES = Timeline(
    step_time=11.0,
    passes=(
        Span(0, Job("forward", 0), 0.0, 2.0),
        Span(1, Job("forward", 0), 3.0, 4.0),
        Span(1, Job("backward", 0), 4.0, 6.0),
        Span(0, Job("backward", 0), 7.0, 10.0),
    ),
    transfers=(Span(0, Job("forward", 0), 2.0, 3.0), Span(0, Job("backward", 0), 6.0, 7.0)),
    synchronisations=((10.0, 11.0), (6.0, 6.5)),
)


def drawn(kind):
    return [(box.x, box.width) for box in timeline_figure(TWO_STAGES, 100).boxes if box.kind == kind]


def test_every_pass_is_a_box_from_its_start_to_its_end():
    assert drawn("forward") == [(0.0, 2.0), (3.0, 1.0)]
    assert drawn("backward") == [(4.0, 2.0), (7.0, 3.0)]
    assert drawn("transfer") == [(2.0, 1.0), (6.0, 1.0)]
    assert drawn("synchronisation") == [(10.0, 1.0), (6.0, 0.5)]


def test_a_stage_is_a_row_and_a_transfer_lies_between_two():
    figure = timeline_figure(TWO_STAGES, 100)
    middles = {(box.kind, box.x): box.y + box.height / 2 for box in figure.boxes}
    assert middles["forward", 0.0] == pytest.approx(0)
    assert middles["forward", 3.0] == pytest.approx(1)
    assert middles["transfer", 2.0] == pytest.approx(0.5)
    assert figure.rungs == ((0.0, "stage 0"), (1.0, "stage 1"))


def test_the_axis_ends_with_the_step():
    figure = timeline_figure(TWO_STAGES, 100)
    assert figure.across == (0.0, 11.0)
    assert [words for _, words in figure.ticks] == ["0 s", "2 s", "4 s", "6 s", "8 s", "10 s"]


def test_a_box_says_what_it_is():
    hints = [box.hint for box in timeline_figure(TWO_STAGES, 100).boxes]
    assert "stage 1: backward pass of microbatch 0, 4 s to 6 s (2 s)" in hints
    assert "boundary 0: gradients of microbatch 0, 6 s to 7 s (1 s)" in hints


def test_too_many_passes_become_the_part_of_the_time_that_stages_compute():
    figure = timeline_figure(TWO_STAGES, 6)
    assert len(figure.boxes) <= 6
    assert "too many to be drawn one by one" in figure.notes[0]


def test_a_cell_is_as_busy_as_the_passes_in_it():
    parts = busy_parts(TWO_STAGES.passes, [range(1), range(1, 2)], 11, 11.0)
    assert parts[0] == pytest.approx([1, 1, 0, 0, 0, 0, 0, 1, 1, 1, 0])
    assert parts[1] == pytest.approx([0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0])


def test_stages_that_share_a_row_share_its_time():
    assert busy_parts(TWO_STAGES.passes, [range(2)], 1, 11.0) == [[pytest.approx((5 + 3) / 22)]]


def test_where_there_is_no_timeline_the_stages_are_bars_and_the_page_says_why():
    figure = stage_seconds_figure(Evaluation(cost_model="sailor", stage_seconds=(0.2, 0.5)), "a reason")
    assert [(box.x, box.width) for box in figure.boxes] == [(0.0, 0.2), (0.0, 0.5)]
    assert figure.notes == ("No timeline: a reason.",)
