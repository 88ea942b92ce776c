"""Groups of nodes that hold the same number of replicas each."""

from collections.abc import Sequence
from dataclasses import dataclass

from milp_amp.space.classes import NodeClass
from milp_amp.space.grid import Vector


@dataclass(frozen=True, order=True)
class Group:
    """Some nodes of every class, with ``replicas_per_node`` replicas of a stage on each."""

    nodes: Vector
    replicas_per_node: int


def first_nodes(group: Group, classes: Sequence[NodeClass]) -> list[int]:
    """Return the node of every replica, where the group has the first ones of every class."""
    chosen = [node.index for kind, n in zip(classes, group.nodes, strict=True) for node in kind.nodes[:n]]
    return [node for node in chosen for _ in range(group.replicas_per_node)]


def last_nodes(group: Group, classes: Sequence[NodeClass]) -> list[int]:
    """Return the node of every replica, where the group has the last ones of every class."""
    chosen = [
        node.index for kind, n in zip(classes, group.nodes, strict=True) for node in kind.nodes[len(kind.nodes) - n :]
    ]
    return [node for node in chosen for _ in range(group.replicas_per_node)]
