"""Random configurations: the columns of some degrees and layout of a random world."""

import itertools

from hypothesis import assume
from hypothesis import strategies as st

from milp_amp.bounds.prepass import prepare
from milp_amp.space.configuration import layouts
from milp_amp.space.grid import add
from milp_amp.space.path import Path, Step, path_of
from tests.problem.drawing import worlds


@st.composite
def configurations(draw, cost_models=("pipeline",), **fields):
    """A pre-pass and the columns of one of its configurations."""
    prepass = prepare(draw(worlds(**fields)), draw(st.sampled_from(cost_models)))
    assume(prepass.candidates)
    degrees = draw(st.sampled_from([candidate.degrees for candidate in prepass.candidates]))
    columns = prepass.columns(degrees, draw(st.sampled_from(layouts(degrees))))
    assume(columns.compositions)
    return prepass, columns


def every_path(columns):
    """Every sequence of stages that fits the slots and the memory, priced; from the definition alone."""
    return [path_of(columns, tuple(reversed(steps))) for steps in _suffixes(columns)]


def _suffixes(columns):
    """Stages from the last one on, until the first layer is reached."""
    grid = columns.grid
    start = (columns.num_layers, (0,) * len(grid.capacity), ())
    unfinished = [start]
    while unfinished:
        stop, position, steps = unfinished.pop()
        if stop == 0:
            yield steps
            continue
        for (c, composition), first in itertools.product(enumerate(columns.compositions), range(stop)):
            after = add(position, composition)
            fits = all(u <= most for u, most in zip(after, grid.capacity, strict=True))
            if (
                fits
                and columns.stages_to_end[c, first, stop] > len(steps)
                and columns.stage_seconds[c, first, stop] < 1e9
            ):
                unfinished.append((first, after, (*steps, Step(first, stop, composition, position))))


def least(paths: list[Path], bottleneck: float, synchronisation: float) -> float:
    """The least ``Σ τ + Σ κ`` under two ceilings."""
    allowed = [p.seconds for p in paths if p.bottleneck <= bottleneck and p.synchronisation <= synchronisation]
    return min(allowed, default=float("inf"))
