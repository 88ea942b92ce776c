"""The places of a configuration that labels are set on, and parts of them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from milp_amp.cost.network import FloatArray
from milp_amp.space.bill import Bill
from milp_amp.space.chain import IntArray
from milp_amp.space.priced import PricedPaths
from milp_amp.space.usage import Usage, pack
from milp_amp.space.worlds import Placed

BoolArray = npt.NDArray[np.bool_]

FEW_PLACES = 120
"""Places among which the first plans of a configuration are looked for."""


@dataclass(frozen=True, eq=False)
class Searched:
    """Some places of a configuration's program.

    Attributes
    ----------
    paths, usage, bill
        Of these places alone.
    numbers
        Theirs among all places of the program.
    family
        As in ``Placed``.
    placed
        The program.
    """

    paths: PricedPaths
    usage: Usage
    numbers: IntArray
    bill: Bill | None
    family: IntArray | None
    placed: Placed

    def among(self, chosen: BoolArray) -> "Searched":
        """Return the same over some of the places."""
        if chosen.all():
            return self
        left = np.zeros(self.placed.chain.num_places, np.bool_)
        left[self.numbers[chosen]] = True
        return some(self.placed, left)

    def promising(self, through: FloatArray) -> "Iterator[Searched]":
        """Yield the few places of every family with the least bounds ``through`` ``(K,)``, and the few of all."""
        families = [] if self.family is None else np.unique(self.family).tolist()
        for number in families if len(families) > 1 else []:
            own = np.where(self.family == number, through, np.inf)
            yield self.among(_least(own, FEW_PLACES) & np.isfinite(own))
        yield self.among(_least(through, FEW_PLACES))


def everywhere(placed: Placed, paths: PricedPaths | None = None) -> Searched:
    """Return all places of a program; ``paths`` are those over it, if they are there already."""
    chain = placed.chain
    return Searched(
        paths or PricedPaths(chain), pack(chain), np.arange(chain.num_places), placed.bill, placed.family, placed
    )


def some(placed: Placed, chosen: BoolArray) -> Searched:
    """Return some places of a program, given as a mask ``(K,)``."""
    chain = placed.chain.subset(chosen)
    bill = placed.bill and placed.bill.subset(chosen)
    family = None if placed.family is None else placed.family[chosen]
    return Searched(PricedPaths(chain), pack(chain), np.flatnonzero(chosen), bill, family, placed)


def _least(values: FloatArray, count: int) -> BoolArray:
    """Return which values are among the least ``count``, or equal to them."""
    if len(values) <= count:
        return np.ones(len(values), np.bool_)
    chosen: BoolArray = values <= np.partition(values, count)[count]
    return chosen
