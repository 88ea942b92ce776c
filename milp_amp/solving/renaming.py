"""Giving the places of a plan to those devices that hold most of what they need.

Devices of a node are equal, and so are the nodes of a class: a plan costs the same whichever of them has which part.
Among all these renamings the one with the least movement is found exactly, by two assignments: of the parts on one node
to the devices of another, and with what that saves, of nodes to nodes.
"""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from msgspec.structs import replace as amended
from scipy.optimize import linear_sum_assignment

from milp_amp.judge.movement import Movement, Part, by_node, parts_of
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.cluster import Node
from milp_amp.space.classes import NodeClass

Parts = tuple[Part | None, ...]
"""What the devices of a node hold, in their order."""

Pairs = tuple[tuple[int, int], ...]
"""Devices of one node, by number, and those of another that take their place."""


class Renaming:
    """Renamings of plans of one instance, from one old plan."""

    def __init__(self, movement: Movement, classes: tuple[NodeClass, ...]) -> None:
        self._movement = movement
        self._classes = classes
        self._old = by_node(movement.instance, movement.held)
        self._match = lru_cache(maxsize=None)(self._matched)

    def renamed(self, plan: Strategy) -> Strategy:
        """Return the same plan on those equal devices that receive least."""
        used = by_node(self._movement.instance, parts_of(plan))
        names = {device: other for kind in self._classes for device, other in self._names(kind, used)}
        stages = tuple(
            amended(stage, replicas=tuple(tuple(names[device] for device in group) for group in stage.replicas))
            for stage in plan.stages
        )
        return amended(plan, stages=stages)

    def _names(self, kind: NodeClass, used: dict[int, dict[str, Part]]) -> Iterator[tuple[str, str]]:
        """Yield the devices that a plan uses of a class, with those that take their place."""
        wanted = [_parts(node, used) for node in kind.nodes]
        held = [_parts(node, self._old) for node in kind.nodes]
        saved = np.array([[self._match(new, old)[0] for old in held] for new in wanted])
        for v, w in zip(*linear_sum_assignment(saved, maximize=True), strict=True):
            _, pairs = self._match(wanted[v], held[w])
            for k, other in pairs:
                if wanted[v][k] is not None:
                    yield kind.nodes[v].device(k), kind.nodes[w].device(other)

    def _matched(self, new: Parts, old: Parts) -> tuple[float, Pairs]:
        """Return the bytes that need not be moved, and which device takes the place of which."""
        saved = np.array([[self._common(part, other) for other in old] for part in new])
        rows, columns = linear_sum_assignment(saved, maximize=True)
        pairs = tuple((int(k), int(other)) for k, other in zip(rows, columns, strict=True))
        return float(saved[rows, columns].sum()), pairs

    def _common(self, part: Part | None, other: Part | None) -> float:
        return 0.0 if part is None or other is None else self._movement.overlap(part, other)


def _parts(node: Node, of: dict[int, dict[str, Part]]) -> Parts:
    parts = of.get(node.index, {})
    return tuple(parts.get(node.device(k)) for k in range(node.group.devices))
