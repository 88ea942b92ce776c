"""What stages on different nodes need to exchange their data, for all pairs of groups of nodes at once."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from milp_amp.cost.model import PerByteCost
from milp_amp.cost.network import FloatArray
from milp_amp.space.chain import IntArray
from milp_amp.space.classes import NodeClass
from milp_amp.space.compiled import compiled
from milp_amp.space.group import Group, first_nodes, last_nodes

BoolArray = npt.NDArray[np.bool_]


class Crossings:
    """Seconds per byte and seconds of latency, there and back, on the nodes of some classes."""

    def __init__(self, costs: PerByteCost, classes: Sequence[NodeClass]) -> None:
        self._costs = costs
        self._classes = classes
        self._limit = np.array([len(kind.nodes) for kind in classes])

    def between(self, groups: tuple[Group, ...]) -> tuple[FloatArray, FloatArray]:
        """Return both from every group to every other ``(groups, groups)``; ``inf`` where nodes are too few."""
        members = np.array([group.nodes for group in groups])
        together = np.empty((len(groups), len(groups)), np.bool_)
        _beside(members, self._limit, together)
        decides = self._costs.slowest_pair_decides
        found = self._slowest_pairs(members > 0) if decides else self._replica_by_replica(groups)
        return np.where(together, found[0], np.inf), np.where(together, found[1], np.inf)

    def _slowest_pairs(self, present: BoolArray) -> tuple[FloatArray, FloatArray]:
        """Where the slowest pair of nodes decides, it is one of a pair of classes."""
        network = self._costs.network
        first = [kind.nodes[0].index for kind in self._classes]
        last = [kind.nodes[-1].index for kind in self._classes]
        pairs, back = np.ix_(first, last), np.ix_(last, first)
        seconds = _slowest(present, 1.0 / network.between[pairs]) + _slowest(present, (1.0 / network.between[back]).T)
        latency = _slowest(present, network.latency[pairs]) + _slowest(present, network.latency[back].T)
        return seconds, latency

    def _replica_by_replica(self, groups: tuple[Group, ...]) -> tuple[FloatArray, FloatArray]:
        """Where replicas exchange in their order: nodes of a class are alike, so let two groups take different ones."""
        each = np.array([group.replicas_per_node for group in groups])
        sources = np.array([first_nodes(group, self._classes) for group in groups])
        targets = np.array([last_nodes(group, self._classes) for group in groups])
        seconds, latency = np.empty((2, len(groups), len(groups)))
        for mine in np.unique(each):
            for theirs in np.unique(each):
                senders, receivers = each == mine, each == theirs
                block = np.ix_(senders, receivers)
                seconds[block], latency[block] = self._costs.transfer_tables(sources[senders], targets[receivers])
        return seconds, latency


def _slowest(present: BoolArray, pairs: FloatArray) -> FloatArray:
    """Return the largest entry of ``pairs`` over the classes of every two groups ``(groups, groups)``."""
    # (groups, classes): the slowest pair of a group's classes with one other class.
    reach = np.array([pairs[own].max(axis=0) for own in present])
    found = np.zeros((len(present), len(present)))
    _slowest_reached(np.ascontiguousarray(reach.T), present, found)
    return found.T


@compiled
def _slowest_reached(reach: Any, present: Any, found: Any) -> None:
    groups, classes = present.shape
    for b in range(groups):
        for h in range(classes):
            if present[b, h]:
                for a in range(groups):
                    found[b, a] = max(found[b, a], reach[h, a])


@compiled
def _beside(members: Any, limit: IntArray, found: Any) -> None:
    """Say which two groups there are enough nodes for."""
    groups, classes = members.shape
    for a in range(groups):
        for b in range(groups):
            g = 0
            while g < classes and members[a, g] + members[b, g] <= limit[g]:
                g += 1
            found[a, b] = g == classes
