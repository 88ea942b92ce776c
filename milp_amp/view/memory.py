"""Memory of every stage's devices against the smallest of them: the judge's numbers."""

from collections.abc import Sequence

from milp_amp.judge.evaluation import StageMemory
from milp_amp.view.drawing import MOST_ROWS, Box, Figure, Line, gathered, scale, span

_BAR = 0.64


def memory_figure(memory: Sequence[StageMemory]) -> Figure:
    """Draw a bar per stage and its limit; of many stages the fullest of every group of neighbours."""
    rows = gathered(len(memory), MOST_ROWS)
    fullest = [max(numbers, key=lambda stage: _part(memory[stage])) for numbers in rows]
    shown = [memory[stage] for stage in fullest]
    high = 1.02 * max(max(entry.memory_GiB, entry.capacity_GiB) for entry in shown)
    gathering = f"{len(memory)} stages in {len(rows)} rows: each shows the fullest of its neighbours."
    over = any(not entry.fits for entry in shown)
    return Figure(
        name="memory",
        title="Memory per device, and the limit of the smallest device of the stage",
        form="rows",
        across=(0.0, high),
        along=(-0.5, len(rows) - 0.5),
        axis="GiB",
        ticks=scale(high, lambda value: f"{value:g}"),
        rungs=tuple((float(row), f"stage {span(numbers)}") for row, numbers in enumerate(rows)),
        boxes=tuple(_bar(row, stage, memory[stage]) for row, stage in enumerate(fullest)),
        lines=tuple(_limit(row, entry) for row, entry in enumerate(shown)),
        legend=(("memory", "needed"), *((("over", "more than there is"),) if over else ()), ("limit", "limit")),
        notes=(gathering,) if len(rows) < len(memory) else (),
    )


def _bar(row: int, stage: int, entry: StageMemory) -> Box:
    return Box(
        x=0.0,
        y=row - _BAR / 2,
        width=entry.memory_GiB,
        height=_BAR,
        kind="memory" if entry.fits else "over",
        hint=f"stage {stage}: {entry.memory_GiB:.4g} of {entry.capacity_GiB:.4g} GiB ({100 * _part(entry):.1f} %) "
        f"on {entry.device}, {entry.device_type}",
    )


def _part(entry: StageMemory) -> float:
    return entry.memory_GiB / entry.capacity_GiB


def _limit(row: int, entry: StageMemory) -> Line:
    ends = ((entry.capacity_GiB, row - 0.42), (entry.capacity_GiB, row + 0.42))
    return Line(points=ends, kind="limit", weight=2.0, hint=f"{entry.capacity_GiB:.4g} GiB: {entry.device_type}")
