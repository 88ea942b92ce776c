"""Which columns may be which stage of a path, where restrictions ask for the number or the index of a stage.

A path is built from its last stage to its first, so a stage is known by its *level*: the number of stages behind it.
Only with the number of all stages given does a level say which stage it is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from milp_amp.problem.restrictions import Restrictions
from milp_amp.space.restriction import BoolArray, Mark, needs_stage_count, needs_stage_index, stage_counts, stage_mask


@dataclass(frozen=True, eq=False)
class Order:
    """The numbers of stages that a path may have, and what each stage may be.

    Attributes
    ----------
    counts
        Rising.
    intervals, compositions
        Per level: the allowed intervals of layers ``(layers, layers + 1)`` and kinds of stages ``(compositions,)``.
        Empty where the index of a stage does not matter.
    """

    counts: tuple[int, ...]
    intervals: tuple[BoolArray, ...] = ()
    compositions: tuple[BoolArray, ...] = ()

    @property
    def most(self) -> int:
        """Most stages of a path."""
        return self.counts[-1]

    @cached_property
    def anywhere(self) -> BoolArray | None:
        """Intervals that some stage may hold; ``None`` where the index of a stage does not matter."""
        return np.any(self.intervals, axis=0) if self.intervals else None

    def ends(self, stages: int) -> bool:
        """Whether a path may have that many stages."""
        return stages in self.counts

    def leaves(self, stages: int, layers: int) -> bool:
        """Whether a path of ``stages`` stages can be completed when ``layers`` layers are left for others."""
        return any(stages + (layers > 0) <= count <= stages + layers for count in self.counts)

    def kind_allowed(self, level: int, composition: int) -> bool:
        """Whether a composition may be the stage of a level."""
        return not self.compositions or bool(self.compositions[level][composition])

    def allowed(self, level: int, composition: int, start: int, stop: int) -> bool:
        """Whether a column may be the stage of a level."""
        return self.kind_allowed(level, composition) and (
            not self.intervals or bool(self.intervals[level][start, stop])
        )


def orders(
    restrictions: Restrictions, num_layers: int, max_stages: int, kinds: Sequence[Sequence[Mark]]
) -> Iterator[Order | None]:
    """Yield the orders whose paths together are all allowed ones; ``None`` where the number of stages is free.

    Parameters
    ----------
    kinds
        Per composition, the marks of its nodes.
    """
    counts = stage_counts(restrictions, min(num_layers, max_stages))
    if not needs_stage_count(restrictions, num_layers):
        yield None
    elif not needs_stage_index(restrictions, num_layers):
        if counts:
            yield Order(counts)
    else:
        for stages in counts:
            yield _order(restrictions, num_layers, stages, kinds)


def _order(restrictions: Restrictions, num_layers: int, stages: int, kinds: Sequence[Sequence[Mark]]) -> Order:
    backwards = range(stages - 1, -1, -1)
    return Order(
        counts=(stages,),
        intervals=tuple(stage_mask(restrictions, num_layers, (), index, stages) for index in backwards),
        compositions=tuple(
            np.array([all(mark.serves(index, stages) for mark in marks) for marks in kinds]) for index in backwards
        ),
    )
