"""Places that stand for every mixture of node classes: a bound where mixtures are too many to be searched."""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from milp_amp.cost.network import FloatArray
from milp_amp.space.chain import Chain
from milp_amp.space.classes import NodeClass
from milp_amp.space.configuration import Degrees
from milp_amp.space.group import Group
from milp_amp.space.partners import Partners
from milp_amp.space.places import Place, Places
from milp_amp.space.shares import Shares


@dataclass(frozen=True, order=True)
class Mixture(Place):
    """All stages of a shape whose slowest class is ``slowest``: on nodes of it alone, or of others too.

    They have the price of the cheapest nodes.
    """

    slowest: int
    mixed: bool


class Mixtures(Places):
    """The relaxation of ``Places`` in which no mixture is left out.

    Whatever the prices, a stage on nodes of several classes, the slowest of which is ``s``,

    * takes no less time, and needs no less memory, than on ``s`` alone;
    * pays no less than for one node of ``s`` and the cheapest others of classes that are no slower than ``s``, at most
      as many of each as there are (``space.shares``);
    * sends no faster than the nodes of ``s`` do to those they find fastest, and receives no faster: the slowest pair of
      replicas decides, and a node has to move as many bytes wherever its partners are;
    * synchronises no faster than any ring of so many replicas can.

    So the least priced path over these places is no longer than that of any plan. The order by speed is by the sum over
    the layers; any order would do for the proof, since a stage is as slow as each of its classes.
    """

    def mixtures(self, data_parallel: int, degrees: tuple[int, ...]) -> tuple[Mixture, ...]:
        """Return the places of stages with ``d`` replicas and these tensor degrees."""
        places: list[Mixture] = []
        for t, c in self.widths(data_parallel, degrees):
            width = data_parallel // c
            able = [g for g in self.rank if self.able(self.classes[g], t, c, width)]
            for n, slowest in enumerate(able):
                counts = [len(self.classes[g].nodes) for g in able[: n + 1]]
                nodes = [0] * len(self.classes)
                nodes[slowest] = width  # if mixed in name only: prices decide, see ``_shares``
                group = Group(tuple(nodes), c)
                kinds = [False] * (counts[-1] >= width) + [True] * (width > 1 and n > 0 and sum(counts) >= width)
                places += [Mixture(group, t, f, slowest, mixed) for f in self._fillings(group, t) for mixed in kinds]
        return tuple(sorted(set(places)))

    @cached_property
    def rank(self) -> list[int]:
        """The classes, fastest first."""
        return sorted(range(len(self.classes)), key=lambda g: self._least_seconds(self.classes[g]))

    def chain(self, degrees: Degrees, places: tuple[Place, ...], end_degree: int | None = None) -> Chain:
        """Return the program; what a stage takes of every class is left to prices."""
        program = super().chain(degrees, places, end_degree)
        return replace(program, shares=self._shares(program, places))

    def _shares(self, program: Chain, places: tuple[Place, ...]) -> Shares:
        mixtures = [place for place in places if isinstance(place, Mixture)]
        classes = np.arange(len(self.classes))
        position = np.argsort(self.rank)
        faster = [(position < position[p.slowest]) & p.mixed | (classes == p.slowest) for p in mixtures]
        able = np.array(
            [
                [self.able(g, p.tensor_parallel, p.group.replicas_per_node, sum(p.group.nodes)) for g in self.classes]
                for p in places
            ]
        )
        return Shares(
            width=np.array([sum(place.group.nodes) * (place.fresh and place.filled > 0) for place in places]),
            slowest=np.array([place.slowest for place in mixtures]),
            eligible=np.array(faster) & able,
            count=np.array([len(kind.nodes) for kind in self.classes]),
            size=np.array(self._sizes),
        )

    def _least_seconds(self, kind: NodeClass) -> float:
        rows = [
            self.costs.layer_seconds(kind.device_type, t, 1) for t in self.tensor_degrees if t <= kind.devices_per_node
        ]
        return min((float(row.sum()) for row in rows if row is not None), default=math.inf)

    def _row(self, place: Place) -> tuple[tuple[int, ...], int, bool]:
        assert isinstance(place, Mixture)
        return (place.slowest,), place.tensor_parallel, place.fresh or place.filled == 0

    def _ring(self, place: Place) -> tuple[float, float]:
        assert isinstance(place, Mixture)
        width, t = sum(place.group.nodes), place.tensor_parallel
        replicas = width * place.group.replicas_per_node
        decides = self.costs.slowest_pair_decides and width > 1
        edge = self.partners.edge(place.slowest, width) if decides else 0.0
        return (
            self.costs.least_synchronisation_seconds_per_byte(replicas, t, edge),
            self.costs.least_synchronisation_latency(replicas, t),
        )

    def _within_seconds(self, group: Group) -> tuple[float, float]:
        slowest = self.classes[int(np.flatnonzero(group.nodes)[0])].nodes[0].index
        nodes = [slowest] * group.replicas_per_node
        return self._transfer(nodes, nodes)

    def _crossings(self, groups: tuple[Group, ...]) -> tuple[FloatArray, FloatArray]:
        return self.partners.crossings(groups)

    @cached_property
    def partners(self) -> Partners:
        """What stages need at least to exchange data."""
        return Partners(self.costs, self.classes, self.rank)
