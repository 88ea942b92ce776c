"""The program that placement formulations solve: a path of stages over places, under capacities.

A *place* is a kind of home for a stage: which devices (of a class, a node, a set of nodes), how many per replica.
For one data degree ``d`` and microbatch size ``b`` a plan is a sequence of intervals of layers, each with a place:

    min   Σ_s busy(s) [+ Σ_s link(s)] + (m − 1) W + S + U
    s.t.  Σ_s usage[place(s)] <= capacity                                   devices are used once
          W >= every station,  S >= σ(s),  U >= update(s)
          stages from s to the end <= most_stages of its interval and place   memory

Where *links* are stations (``pipeline``), a boundary ``κ = forward + backward`` is a station beside the stages, whose
``busy`` is their ``τ``. Where a stage moves its own data (``sailor``), ``busy = τ`` plus the activation it sends
forward and the gradient it sends back; the last of several stages pays its gradient twice, the first one its
activation twice when there are more than three stages.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from milp_amp.cost.network import FloatArray
from milp_amp.space.rounding import Rounding
from milp_amp.space.shares import Shares

IntArray = npt.NDArray[np.int64]

ROUNDING = 1e-9
"""Relative: a link that is just under a ceiling must not be above it for its last digit."""


@dataclass(frozen=True, eq=False)
class Chain:
    """One configuration's program; ``L`` layers, ``K`` places, ``R`` resources.

    Attributes
    ----------
    data_parallel, microbatch_size, num_microbatches
        ``d``, ``b``, ``m``.
    capacity
        ``(R,)`` integers: how much there is of every resource.
    usage
        ``(K, R)`` integers: what a stage on a place takes of it.
    seconds, seconds_row
        ``(T, L, L + 1)`` and ``(K,)``: ``τ`` of the interval ``[i, j)`` is ``seconds[seconds_row[k], i, j]``; ``inf``
        where ``j <= i`` or the place cannot run it.
    most_stages, most_stages_row
        ``(M, L, L + 1)`` integers and ``(K,)``: stages from this one to the last, itself included, that memory
        allows; 0: none.
    forward, backward, size, volume, latency
        ``(Z, K, K)`` twice, ``(K, L + 1)`` integers, ``(K, L + 1)``, ``(K, K)``: seconds to move one microbatch from
        a stage on ``k`` to the next one on ``l`` over boundary ``i`` are ``forward[size[k, i], k, l] * volume[k,
        i]``, and ``backward`` likewise for its gradient from ``l`` to ``k``; ``latency[k, l]`` seconds for both
        together come on top. ``forward`` is ``inf`` where ``l`` cannot follow ``k``. Where seconds are proportional
        to bytes, ``Z = 1`` and ``volume`` is bytes; where they are tabulated by message size, ``volume`` is 1.
    synchronisation, synchronisation_row, synchronisation_rate, synchronisation_latency
        ``(Y, L, L + 1)``, ``(K,)`` thrice: ``σ = rate[k] * synchronisation[row[k], i, j] + latency[k]``.
    update
        ``(K, L)``: ``update`` of a stage on ``k`` whose first layer is ``i``.
    links_are_stations
        Whether links are stations beside the stages, or part of the stages' own time.
    link_share
        How much of a link that stands beside the stages ``W`` counts: 1, or 0 where it is paid once per step.
    shares
        Where what a stage takes is not known: how prices decide it. ``usage`` is then one example.
    implied
        How many of the resources, the last ones, follow from the others as far as whole plans go, but tell prices more
        (``space.rounding``).
    """

    data_parallel: int
    microbatch_size: int
    num_microbatches: int
    capacity: IntArray
    usage: IntArray
    seconds: FloatArray
    seconds_row: IntArray
    most_stages: IntArray
    most_stages_row: IntArray
    forward: FloatArray
    backward: FloatArray
    size: IntArray
    volume: FloatArray
    latency: FloatArray
    synchronisation: FloatArray
    synchronisation_row: IntArray
    synchronisation_rate: FloatArray
    synchronisation_latency: FloatArray
    update: FloatArray
    links_are_stations: bool
    link_share: float = 1.0
    shares: Shares | None = None
    implied: int = 0

    @property
    def num_layers(self) -> int:
        """``L``."""
        return int(self.seconds.shape[1])

    @property
    def num_places(self) -> int:
        """``K``."""
        return len(self.usage)

    @property
    def weight(self) -> int:
        """``m − 1``: how often the bottleneck is paid beyond the first microbatch."""
        return self.num_microbatches - 1

    def slowest_link(self, ceiling: float, together: int) -> float:
        """Return seconds per byte above which no link between nodes is, where ``W`` is under a ceiling.

        ``inf`` if there need be none: ``together`` stages of any kinds on the same nodes may hold all layers.
        """
        stage, until = self.seconds.min(axis=0), np.zeros(self.num_layers + 1)
        for j in range(1, self.num_layers + 1):
            until[j] = (until[:j] + stage[:j, j]).min()
        alone = until[-1] <= ceiling * together
        least = float(self.volume[:, 1:-1].min(initial=math.inf)) * self.link_share
        return math.inf if alone or least <= 0.0 else ceiling / least * (1 + ROUNDING)

    def usage_under(self, prices: FloatArray) -> IntArray:
        """Return what stages take ``(K, R)`` of the resources at least, as far as prices ``(R,)`` go."""
        return self.usage if self.shares is None else self.shares.usage(self.usage, prices)

    def rounded(self, rows: Rounding) -> "Chain":
        """Return the same program with rows that follow from its capacities."""
        return replace(
            self,
            usage=np.column_stack([self.usage, rows.rows(self.usage)]),
            capacity=np.concatenate([self.capacity, rows.rows(self.capacity)]),
            shares=self.shares and replace(self.shares, rounding=rows),
            implied=len(rows.unit),
        )

    def subset(self, alive: npt.NDArray[np.bool_]) -> "Chain":
        """Return the program over some of the places, given as a mask ``(K,)``."""
        both = np.ix_(np.arange(len(self.forward)), alive, alive)
        return replace(
            self,
            usage=self.usage[alive],
            seconds_row=self.seconds_row[alive],
            most_stages_row=self.most_stages_row[alive],
            forward=np.ascontiguousarray(self.forward[both]),
            backward=np.ascontiguousarray(self.backward[both]),
            size=self.size[alive],
            volume=self.volume[alive],
            latency=np.ascontiguousarray(self.latency[np.ix_(alive, alive)]),
            synchronisation_row=self.synchronisation_row[alive],
            synchronisation_rate=self.synchronisation_rate[alive],
            synchronisation_latency=self.synchronisation_latency[alive],
            update=self.update[alive],
            shares=self.shares and self.shares.subset(alive),
        )
