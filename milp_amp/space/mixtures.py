"""Places that stand for every mixture of node classes: a bound where mixtures are too many to be searched."""

import math
from dataclasses import dataclass

import numpy as np

from milp_amp.cost.network import FloatArray
from milp_amp.space.classes import NodeClass
from milp_amp.space.places import Group, Place, Places


@dataclass(frozen=True, order=True)
class Mixture(Place):
    """All stages of a shape whose slowest class is ``slowest``, at the price of the group's nodes."""

    slowest: int


class Mixtures(Places):
    """The relaxation of ``Places`` in which no mixture is left out.

    Whatever the prices, a stage on nodes of several classes, the slowest of which is ``s``,

    * takes no less time, and needs no less memory, than on ``s`` alone;
    * pays no less than for one node of ``s`` and all others of the cheapest class that is no slower than ``s``;
    * sends no faster than the nodes of ``s`` do to those they find fastest, and receives no faster: the slowest pair of
      replicas decides, and a node has to move as many bytes wherever its partners are;
    * synchronises no faster than any ring of so many replicas can.

    So the least priced path over these places is no longer than that of any plan. The order by speed is by the sum over
    the layers; any order would do for the proof, since a stage is as slow as each of its classes.
    """

    def _places(self, data_parallel: int, degrees: tuple[int, ...]) -> tuple[tuple[Place, ...], bool]:
        rank = sorted(range(len(self.classes)), key=lambda g: self._least_seconds(self.classes[g], degrees))
        places: list[Place] = []
        for t, c in self._widths(data_parallel, degrees):
            able = [g for g in rank if self._able(self.classes[g], t, c)]
            for n, slowest in enumerate(able):
                for other in able[: n + 1]:
                    nodes = [0] * len(self.classes)
                    nodes[other] += data_parallel // c - 1
                    nodes[slowest] += 1
                    group = Group(tuple(nodes), c)
                    places += [Mixture(group, t, filled, slowest) for filled in self._fillings(group, t)]
        return tuple(sorted(set(places))), False

    def _least_seconds(self, kind: NodeClass, degrees: tuple[int, ...]) -> float:
        rows = [self.costs.layer_seconds(kind.device_type, t, 1) for t in degrees if t <= kind.devices_per_node]
        return min((float(row.sum()) for row in rows if row is not None), default=math.inf)

    def _row(self, place: Place) -> tuple[tuple[int, ...], int, bool]:
        assert isinstance(place, Mixture)
        return (place.slowest,), place.tensor_parallel, place.fresh or place.filled == 0

    def _home(self, place: Place) -> Group:
        assert isinstance(place, Mixture)
        nodes = [0] * len(self.classes)
        nodes[place.slowest] = 1
        return Group(tuple(nodes), place.group.replicas_per_node)

    def _ring(self, place: Place) -> tuple[float, float]:
        replicas, t = sum(place.group.nodes) * place.group.replicas_per_node, place.tensor_parallel
        return (
            self.costs.least_synchronisation_seconds_per_byte(replicas, t),
            self.costs.least_synchronisation_latency(replicas, t),
        )

    def _crossings(self, groups: tuple[Group, ...]) -> tuple[FloatArray, FloatArray]:
        pairs = [[self._meeting(a, b) for b in groups] for a in groups]
        seconds, latency = np.array(pairs).transpose(2, 0, 1)
        classes = np.array([group.nodes.index(1) for group in groups])
        each = np.array([group.replicas_per_node for group in groups])
        return _best_partners(seconds, classes, each), _best_partners(latency, classes, each)

    def _meeting(self, a: Group, b: Group) -> tuple[float, float]:
        """Return what a node of one class and a node of another need for the replicas that both must have."""
        first, second = self.classes[a.nodes.index(1)].nodes, self.classes[b.nodes.index(1)].nodes
        source, target = first[0].index, second[-1].index
        if source == target:
            return math.inf, math.inf
        together = min(a.replicas_per_node, b.replicas_per_node)
        return self._transfer([source] * together, [target] * together)


def _best_partners(values: FloatArray, classes: FloatArray, each: FloatArray) -> FloatArray:
    """Return what a group needs at least whatever classes its partner's replicas are on, from either side."""
    bound = np.zeros_like(values)
    for a in range(len(values)):
        for b in range(len(values)):
            sent = values[a, each == each[b]].min()
            received = values[each == each[a], b].min()
            bound[a, b] = max(sent, received)
    return bound
