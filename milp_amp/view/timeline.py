"""One training step: stages over time, every pass of every microbatch a box."""

from collections.abc import Iterator, Sequence

from milp_amp.judge.evaluation import Evaluation
from milp_amp.judge.simulate import Span, Timeline
from milp_amp.view.drawing import MOST_ROWS, Box, Figure, gathered, scale, span
from milp_amp.view.units_text import percent, seconds

_TITLE = "One training step of replica 0, simulated"
_PASS, _TRANSFER = 0.56, 0.16
"""Heights in rows: a pass, and a transfer in the gap below its stage."""

_CELLS_PER_ROW = 120
_LABELLED_PART = 1 / 60
"""Of the step: shorter passes have no room for a number."""


def timeline_figure(found: Timeline, most_boxes: int) -> Figure:
    """Draw a step; where there would be more than ``most_boxes``, how busy stages are is drawn instead."""
    stages = len(found.synchronisations)
    spans = len(found.passes) + len(found.transfers) + stages
    if spans > most_boxes or stages > MOST_ROWS:
        return _busy(found, stages, most_boxes)
    boxes = (
        *(_pass(entry, found.step_time) for entry in found.passes),
        *(_transfer(entry) for entry in found.transfers),
        *(_synchronisation(stage, *ends) for stage, ends in enumerate(found.synchronisations)),
    )
    legend = [("forward", "forward"), ("backward", "backward")]
    legend += [("transfer", "transfer to the next stage or back")] if found.transfers else []
    return Figure(
        name="timeline",
        title=_TITLE,
        form="rows",
        across=(0.0, found.step_time),
        along=(-0.5, stages - 0.5),
        axis="time in the step",
        ticks=scale(found.step_time, seconds),
        rungs=tuple((float(stage), f"stage {stage}") for stage in range(stages)),
        boxes=boxes,
        legend=(*legend, ("synchronisation", "synchronisation and update")),
    )


def _pass(entry: Span, step_time: float) -> Box:
    number, times = str(entry.job.microbatch), _times(entry.start, entry.end)
    return Box(
        x=entry.start,
        y=entry.place - _PASS / 2,
        width=entry.end - entry.start,
        height=_PASS,
        kind=entry.job.direction,
        label=number if entry.end - entry.start >= _LABELLED_PART * step_time else "",
        hint=f"stage {entry.place}: {entry.job.direction} pass of microbatch {number}, {times}",
    )


def _transfer(entry: Span) -> Box:
    what = "activations" if entry.job.direction == "forward" else "gradients"
    return Box(
        x=entry.start,
        y=entry.place + 0.5 - _TRANSFER / 2,
        width=entry.end - entry.start,
        height=_TRANSFER,
        kind="transfer",
        hint=f"boundary {entry.place}: {what} of microbatch {entry.job.microbatch}, {_times(entry.start, entry.end)}",
    )


def _synchronisation(stage: int, start: float, end: float) -> Box:
    return Box(
        x=start,
        y=stage - _PASS / 2,
        width=end - start,
        height=_PASS,
        kind="synchronisation",
        hint=f"stage {stage}: synchronisation and update, {_times(start, end)}",
    )


def _times(start: float, end: float) -> str:
    return f"{seconds(start)} to {seconds(end)} ({seconds(end - start)})"


def _busy(found: Timeline, stages: int, most_boxes: int) -> Figure:
    """Draw which part of the time stages compute: neighbours share a row, and every cell is a stretch of time."""
    rows = gathered(stages, min(MOST_ROWS, max(1, most_boxes // _CELLS_PER_ROW)))
    cells = min(_CELLS_PER_ROW, max(1, most_boxes // len(rows)))
    width = found.step_time / cells
    parts = busy_parts(found.passes, rows, cells, found.step_time)
    boxes = tuple(
        Box(
            x=cell * width,
            y=row - 0.4,
            width=width,
            height=0.8,
            kind="busy",
            strength=part,
            hint=f"{_stages(rows[row])}: computing {percent(part)} of {_times(cell * width, (cell + 1) * width)}",
        )
        for row, found_parts in enumerate(parts)
        for cell, part in enumerate(found_parts)
        if part > 0
    )
    drawn = len(found.passes) + len(found.transfers)
    return Figure(
        name="timeline",
        title=_TITLE,
        form="rows",
        across=(0.0, found.step_time),
        along=(-0.5, len(rows) - 0.5),
        axis="time in the step",
        ticks=scale(found.step_time, seconds),
        rungs=tuple((float(row), _stages(numbers)) for row, numbers in enumerate(rows)),
        boxes=boxes,
        legend=(("busy", "computing; the paler, the smaller the part of the time"),),
        notes=(
            f"{drawn:,} passes and transfers of {stages} stages are too many to be drawn one by one: a cell is "
            f"{seconds(width)} of {_rows(rows)}.",
        ),
    )


def busy_parts(passes: Sequence[Span], rows: Sequence[range], cells: int, step_time: float) -> list[list[float]]:
    """Return, by row of stages and cell of time, the part of their time in which the stages compute."""
    row_of = {stage: row for row, numbers in enumerate(rows) for stage in numbers}
    width = step_time / cells
    parts = [[0.0] * cells for _ in rows]
    for entry in passes:
        row = row_of[entry.place]
        for cell, shared in _shared(entry, width, cells):
            parts[row][cell] += shared / (width * len(rows[row]))
    return [[min(1.0, part) for part in row] for row in parts]


def _shared(entry: Span, width: float, cells: int) -> Iterator[tuple[int, float]]:
    """Yield the cells that a span lies in, and the seconds that it shares with each."""
    first, last = int(entry.start / width), int(entry.end / width)
    for cell in range(first, min(last, cells - 1) + 1):
        shared = min(entry.end, (cell + 1) * width) - max(entry.start, cell * width)
        if shared > 0:
            yield cell, shared


def _rows(rows: Sequence[range]) -> str:
    most = max(map(len, rows))
    return "one stage" if most == 1 else f"up to {most} neighbouring stages"


def _stages(numbers: range) -> str:
    return f"stage {span(numbers)}" if len(numbers) == 1 else f"stages {span(numbers)}"


def stage_seconds_figure(evaluation: Evaluation, why: str) -> Figure:
    """Draw what every stage takes per microbatch, where there is no timeline for the reason ``why``."""
    taken = evaluation.stage_seconds
    rows = gathered(len(taken), MOST_ROWS)
    slowest = [max(numbers, key=lambda stage: taken[stage]) for numbers in rows]
    high = max(taken)
    notes = [f"No timeline: {why}."]
    if len(rows) < len(taken):
        notes.append(f"{len(taken)} stages in {len(rows)} rows: each shows the slowest of its neighbours.")
    return Figure(
        name="timeline",
        title="Seconds of every stage per microbatch, by the cost model",
        form="rows",
        across=(0.0, high),
        along=(-0.5, len(rows) - 0.5),
        axis="seconds per microbatch",
        ticks=scale(high, seconds),
        rungs=tuple((float(row), _stages(numbers)) for row, numbers in enumerate(rows)),
        boxes=tuple(
            Box(
                x=0.0,
                y=row - 0.35,
                width=taken[stage],
                height=0.7,
                kind="forward",
                hint=f"stage {stage}: {seconds(taken[stage])} per microbatch, forward and backward",
            )
            for row, stage in enumerate(slowest)
        ),
        legend=(("forward", "forward and backward, slowest replica"),),
        notes=tuple(notes),
    )
