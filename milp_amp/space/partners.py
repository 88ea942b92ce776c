"""What stages need at least to exchange data and to synchronise, of whose nodes only the slowest is known.

Let a stage lie on ``w`` nodes, the slowest of which is ``s``, and another one on ``w'`` nodes, the slowest of which is
``s'``; the other nodes are no slower than these. Where the slowest pair of nodes decides, a transfer takes no less than

* the pair ``(s, s')``, since it is one of the pairs;
* ``s`` and the ``(w' − 1)``-th best of the nodes that are no slower than ``s'``, since that many are beside ``s'``;
* the same from the other side;

and a ring no less than the least ``θ`` for which ``s`` is among nodes each of which has ``w − 1`` others that it
reaches in ``θ`` (peel off those that have fewer: a clique of ``w`` nodes is never touched).

Where transfers share, a node of ``c`` replicas sends ``c`` times, over its own card, to ``max(1, c / c')`` nodes, as
often to each; and beside ``s`` there are ``w − 1`` nodes, the slowest card of which is no faster than the ``(w −
1)``-th best.
"""

import itertools
from bisect import insort
from collections.abc import Sequence

import numpy as np

from milp_amp.cost.model import PerByteCost
from milp_amp.cost.network import FloatArray
from milp_amp.space.chain import IntArray
from milp_amp.space.classes import NodeClass
from milp_amp.space.group import Group


class Partners:
    """Bounds for the nodes of some classes; ``rank`` has the classes, fastest first."""

    def __init__(self, costs: PerByteCost, classes: Sequence[NodeClass], rank: Sequence[int]) -> None:
        network = costs.network
        self._decides = costs.slowest_pair_decides
        self._rank = rank
        self._count = np.array([len(kind.nodes) for kind in classes])
        first = [kind.nodes[0].index for kind in classes]
        last = [kind.nodes[-1].index for kind in classes]
        # Where a class has one node only, nobody asks for what lies between two of them.
        self._seconds = 1.0 / network.between[np.ix_(first, last)]
        self._latency = network.latency[np.ix_(first, last)]
        self._sending = 1.0 / network.outbound[first]
        self._receiving = 1.0 / network.inbound[first]

    def crossings(self, groups: Sequence[Group]) -> tuple[FloatArray, FloatArray]:
        """Return seconds per byte and latency, there and back, between groups that are all on their slowest class.

        ``(groups, groups)``; ``inf`` for two groups whose slowest node would be the same.
        """
        slowest = np.array([int(np.flatnonzero(group.nodes)[0]) for group in groups])
        each = np.array([group.replicas_per_node for group in groups])
        width = np.array([sum(group.nodes) for group in groups])
        if self._decides:
            seconds, latency = (self._any_pair(v, slowest, width) for v in (self._seconds, self._latency))
        else:
            seconds, latency = self._in_order(slowest, each, width)
        same = (slowest[:, None] == slowest[None, :]) & (self._count[slowest] == 1)
        return np.where(same, np.inf, seconds + seconds.T), np.where(same, np.inf, latency + latency.T)

    def least_link(self, nodes: IntArray, each: int, width: int) -> FloatArray:
        """Return seconds per byte, there and back, below which no boundary of a stage lies, for each of some groups.

        ``(groups,)`` for nodes ``(groups, classes)`` with ``each`` replicas, if the other stage is on other nodes,
        ``width`` of them or more. Where transfers share, the stage's replicas all send one way and receive the other
        way. Where the slowest pair decides, every node outside is as far as the slowest pair with it.
        """
        if not self._decides:
            present = nodes > 0
            cards = (np.where(present, card, 0.0).max(axis=1) for card in (self._sending, self._receiving))
            return each * sum(cards, np.zeros(len(nodes)))
        there, back = np.zeros((2, *nodes.shape))
        for g, chosen in enumerate(nodes.T > 0):
            np.maximum(there, self._seconds[g], out=there, where=chosen[:, None])
            np.maximum(back, self._seconds[:, g], out=back, where=chosen[:, None])
        outside = self._count - nodes
        farthest = np.where(outside > 0, there + back, np.inf)
        order = np.argsort(farthest, axis=1)
        reached = np.cumsum(np.take_along_axis(outside, order, axis=1), axis=1)
        last = np.argmax(reached >= width, axis=1)
        found = np.take_along_axis(np.take_along_axis(farthest, order, axis=1), last[:, None], axis=1)[:, 0]
        return np.where(reached[:, -1] >= width, found, np.inf)

    def edge(self, slowest: int, width: int) -> float:
        """Return the seconds per byte that the slowest pair of a stage on ``width`` nodes needs at least."""
        kinds = [g for g in self._rank[: self._rank.index(slowest) + 1] for _ in range(self._count[g])]
        reach = np.maximum(self._seconds, self._seconds.T)[np.ix_(kinds, kinds)]
        np.fill_diagonal(reach, np.inf)  # a node is not beside itself
        levels = np.unique(reach[np.isfinite(reach)])
        low, high = 0, len(levels) - 1
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if _survives(reach <= levels[middle], width - 1) else (middle + 1, high)
        return float(levels[low])

    def _any_pair(self, values: FloatArray, slowest: IntArray, width: IntArray) -> FloatArray:
        """Return what one way takes at least from group to group, where the slowest pair of nodes decides."""
        pairs = np.ix_(slowest, slowest)
        bound = values[pairs]
        for w in np.unique(width):
            beside = self._nearest(values, w - 1, beside=True)[pairs]
            bound = np.where(width[None, :] == w, np.maximum(bound, beside), bound)
            beside = self._nearest(values.T, w - 1, beside=True).T[pairs]
            bound = np.where(width[:, None] == w, np.maximum(bound, beside), bound)
        return bound

    def _in_order(self, slowest: IntArray, each: IntArray, width: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return the same, seconds and latency, where transfers share and replicas exchange in their order."""
        pairs = np.ix_(slowest, slowest)
        seconds = np.maximum(
            (each * self._cards(self._sending, slowest, width))[:, None],
            (each * self._cards(self._receiving, slowest, width))[None, :],
        )
        latency = np.zeros_like(seconds)
        for c, e in itertools.product(np.unique(each), repeat=2):
            block = (each[:, None] == c) & (each[None, :] == e)
            whole = max(c, e) % min(c, e) == 0
            times, targets, sources = (min(c, e), max(1, c // e), max(1, e // c)) if whole else (1, 1, 1)
            for values, table, factor in ((self._seconds, seconds, times), (self._latency, latency, 1)):
                sent = self._nearest(values, targets, beside=False)[pairs]
                received = self._nearest(values.T, sources, beside=False).T[pairs]
                np.maximum(table, factor * np.maximum(sent, received), out=table, where=block)
        return seconds, latency

    def _cards(self, values: FloatArray, slowest: IntArray, width: IntArray) -> FloatArray:
        """Return the slowest card of every group at least: its slowest node's, or the last of the best beside it."""
        bound = []
        for s, w in zip(slowest.tolist(), width.tolist(), strict=True):
            no_slower = self._rank[: self._rank.index(s) + 1]
            beside = sorted(values[g] for g in no_slower for _ in range(self._count[g] - (g == s)))
            bound.append(max(values[s], beside[w - 2] if w > 1 else 0.0))
        return np.array(bound)

    def _nearest(self, values: FloatArray, k: int, beside: bool) -> FloatArray:
        """Return, for nodes of every two classes, the ``k``-th least of the first one's values to nodes no slower.

        No slower than the second one: itself among them, or ``beside`` it. ``(classes, classes)``; 0 for no node,
        ``inf`` where there are too few.
        """
        table = np.zeros_like(values)
        for s in self._rank:
            known: list[float] = []
            for r in self._rank:
                copies = [values[s, r]] * (self._count[r] - (r == s))
                if beside and copies:
                    copies.pop()
                for value in copies:
                    insort(known, value)
                if k > 0:
                    table[s, r] = known[k - 1] if k <= len(known) else np.inf
                if beside and self._count[r] > (r == s):
                    insort(known, values[s, r])
        return table


def _survives(near: FloatArray, others: int) -> bool:
    """Whether the last node is left once all those with fewer near nodes than ``others`` are peeled off."""
    left = np.ones(len(near), bool)
    while True:
        enough = left & ((near & left).sum(axis=1) >= others)
        if not enough[-1]:
            return False
        if (enough == left).all():
            return True
        left = enough
