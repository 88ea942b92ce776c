"""The graph of a chain whose links stand beside its stages: the sets that a mathematical program is written over.

* A *column* is a stage: layers ``[i, j)`` on a place.
* A *link* leads over a boundary from a kind of sender to a kind of receiver, at ``κ`` seconds. Places of one kind agree
  in all that links cost, so one link stands for those between all of them.

Columns and links above the ceilings of a box are left out, and whatever lies on no path that could cost less than the
cutoff: its reduced cost is the least priced path through it (``space.priced``), less the price of the capacity, plus
what it adds to the floors of W and S itself.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from milp_amp.cost.network import FloatArray
from milp_amp.space.arrays import Arrays, least_of_kind
from milp_amp.space.boxes import Box
from milp_amp.space.chain import Chain, IntArray
from milp_amp.space.labels import PlacedStage
from milp_amp.space.priced import Passes, PricedPaths

BoolArray = npt.NDArray[np.bool_]


class Column(NamedTuple):
    """A stage on a place; ``stages_to_end`` is what its memory allows, itself included."""

    start: int
    stop: int
    place: int
    tau: float
    sigma: float
    stages_to_end: int


class Link(NamedTuple):
    """A boundary with the kinds of the places at its ends."""

    boundary: int
    sender: int
    receiver: int
    kappa: float


@dataclass(frozen=True, eq=False)
class PlacedGraph:
    """Columns and links that paths below a cutoff are made of."""

    chain: Chain
    columns: tuple[Column, ...]
    links: tuple[Link, ...]
    sender: IntArray
    receiver: IntArray

    @property
    def size(self) -> int:
        """Columns and links together."""
        return len(self.columns) + len(self.links)

    @property
    def slowest(self) -> float:
        """Longest of all stations."""
        return max((station.tau for station in self.columns), default=0.0)


def restrict(paths: PricedPaths, prices: FloatArray, box: Box, cutoff: float, most: int) -> PlacedGraph | None:
    """Return the graph of the paths in a box that could cost less than ``cutoff``; ``None`` if it is too large.

    Parameters
    ----------
    prices
        ``(R,)``, any non-negative ones: the better they are, the smaller is the graph.
    most
        Columns and links that the graph may have.
    """
    passes, c = paths.passes(prices, box).least, paths.arrays
    fare = paths.chain.usage @ prices
    room = cutoff - paths.bound(box, 0.0) + float(prices @ paths.chain.capacity)
    columns: list[Column] = []
    onward = np.full((paths.chain.num_places, paths.chain.num_layers), math.inf)
    for k in range(paths.chain.num_places):
        tau, sigma, least = _stages(paths.chain, k, box)
        after = fare[k] + tau + passes.after[k][None, :]
        onward[k] = after.min(axis=1)
        excess = _excess(tau, box.bottleneck_floor, c.weight) + _excess(sigma, box.synchronisation_floor, 1)
        kept = passes.before[k, :-1, None] + after + excess < room
        if len(columns) + np.count_nonzero(kept) > most:
            return None
        columns += (
            Column(i, j, k, float(tau[i, j]), float(sigma[i, j]), int(least[i, j]))
            for i, j in np.argwhere(kept).tolist()
        )
    links: list[Link] = []
    for link in _links(c, passes, onward, box, room):
        links.append(link)
        if len(columns) + len(links) > most:
            return None
    return PlacedGraph(paths.chain, tuple(columns), tuple(links), c.link_row, c.link_column)


def _excess(seconds: FloatArray, floor: float, weight: float) -> FloatArray:
    excess: FloatArray = weight * np.maximum(0.0, np.where(np.isfinite(seconds), seconds, 0.0) - floor)
    return excess


def _stages(chain: Chain, k: int, box: Box) -> tuple[FloatArray, FloatArray, IntArray]:
    """Return τ, σ and the stages to the end of every interval on a place; τ is ``inf`` where it is not below."""
    sigma = _sigma(chain, k)
    most = chain.most_stages[chain.most_stages_row[k]]
    tau = chain.seconds[chain.seconds_row[k]]
    below = (tau <= box.bottleneck) & (sigma <= box.synchronisation) & (most > 0)
    return np.where(below, tau, math.inf), sigma, most


def _sigma(chain: Chain, k: int) -> FloatArray:
    rate, latency = float(chain.synchronisation_rate[k]), float(chain.synchronisation_latency[k])
    sigma: FloatArray = rate * chain.synchronisation[chain.synchronisation_row[k]] + latency
    return sigma


def _links(c: Arrays, passes: Passes, onward: FloatArray, box: Box, room: float) -> Iterator[Link]:
    """Yield the links below the ceiling on priced paths shorter than ``room``."""
    for i in range(1, onward.shape[1]):
        kappa = _kappa(c, i)
        until = least_of_kind(passes.until[:, i], c.link_row, len(kappa))
        then = least_of_kind(onward[:, i], c.link_column, kappa.shape[1])
        stations = kappa * np.where(np.isfinite(kappa), c.link_share, 1.0)
        excess = _excess(stations, box.bottleneck_floor, c.weight)
        kept = (until[:, None] + kappa + then[None, :] + excess < room) & (stations <= box.bottleneck)
        yield from (Link(i, r, s, float(kappa[r, s])) for r, s in np.argwhere(kept).tolist())


def _kappa(c: Arrays, i: int) -> FloatArray:
    """Return κ over a boundary from every kind of sender to every kind of receiver; ``inf`` where none can follow."""
    rows = np.arange(len(c.size))
    there, back = c.forward[c.size[:, i], rows], c.backward[c.size[:, i], rows]
    volume = c.volume[:, i, None]
    return np.where(
        np.isfinite(there), (np.where(np.isfinite(there), there, 0.0) + back) * volume + c.latency, math.inf
    )


def step_time(paths: PricedPaths, stages: Iterable[PlacedStage]) -> float:
    """Return what a path costs in seconds; links stand beside the stages, and nothing is updated."""
    chain, c, path = paths.chain, paths.arrays, list(stages)
    tau = [float(chain.seconds[chain.seconds_row[s.place], s.start, s.stop]) for s in path]
    kappa = [
        float(_kappa(c, after.start)[c.link_row[before.place], c.link_column[after.place]])
        for before, after in pairwise(path)
    ]
    sigma = [float(_sigma(chain, s.place)[s.start, s.stop]) for s in path]
    return sum(tau) + sum(kappa) + chain.weight * max(tau + [chain.link_share * k for k in kappa]) + max(sigma)
