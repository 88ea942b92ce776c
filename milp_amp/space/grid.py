"""Where the stages of a path sit: slots of the node classes, taken from the last stage to the first.

A slot is room for one tensor group inside a node. The slots of a class are numbered node by node.

* *Stage by stage*: a stage takes the next free ``n[g]`` slots of every class ``g``; its composition ``n``
  may mix classes, ``Σ n = d``; its replicas are numbered class by class. A position counts the slots taken.
* *Replica by replica*: a stage sits on one class ``g``; replica ``r`` owns the slots ``[r K, (r+1) K)``
  with ``K = slots // d``, and takes the next of them. A position counts the stages taken.

Slots are taken from the end of the path so that a position knows how many stages follow, which is what
the memory of 1F1B depends on. Costs depend on a position only through its *phase*, the position modulo
the slots of a node: the nodes of a class are exchangeable.
"""

import itertools
import math
from collections.abc import Iterator
from functools import cached_property, lru_cache
from typing import Protocol

from milp_amp.cost.model import PerByteCost
from milp_amp.space.classes import NodeClass
from milp_amp.space.configuration import Layout

Vector = tuple[int, ...]

MAX_COMPOSITIONS = 160
"""Above this many compositions only stages on a single class are considered."""


class Grid(Protocol):
    """What the columns of a configuration are placed on."""

    @property
    def capacity(self) -> Vector:
        """Largest position of every class."""

    @property
    def compositions(self) -> tuple[Vector, ...]:
        """What one stage may take of every class."""

    @property
    def unit(self) -> int:
        """Sum of a composition."""

    @property
    def max_stages(self) -> int:
        """Longest path the slots allow."""

    def phase(self, position: Vector) -> Vector:
        """All that costs depend on of a position."""

    def transfer(self, phase: Vector, earlier: Vector, later: Vector) -> float:
        """Seconds per boundary byte from a stage at ``phase + later`` to the later stage at ``phase``."""

    def transfer_latency(self, phase: Vector, earlier: Vector, later: Vector) -> float:
        """Seconds of that transfer whatever its bytes."""

    def ring(self, phase: Vector, composition: Vector) -> float:
        """Seconds per gradient byte of a stage placed at a phase."""

    def ring_latency(self, phase: Vector, composition: Vector) -> float:
        """Seconds of that synchronisation whatever its bytes."""

    def devices(self, position: Vector, composition: Vector) -> tuple[tuple[str, ...], ...]:
        """Device addresses of every replica of a stage placed at a position."""


class SlotGrid:
    """Slots of all classes for one tensor degree, data degree and layout.

    Attributes
    ----------
    capacity
        Largest position of every class.
    period
        Positions after which a class looks the same again.
    unit
        Sum of a composition: what one stage adds to the sum of the position.
    compositions
        What one stage may take of every class.
    truncated
        Whether there are more than ``MAX_COMPOSITIONS``, so that only those on a single class are searched.
    """

    def __init__(
        self,
        costs: PerByteCost,
        classes: tuple[NodeClass, ...],
        tensor_parallel: int,
        data_parallel: int,
        layout: Layout,
    ) -> None:
        self.classes = classes
        self.layout = layout
        self.tensor_parallel = tensor_parallel
        self.data_parallel = data_parallel
        self._costs = costs
        slots = usable_slots(costs, classes, tensor_parallel)
        self.period: Vector = tuple(max(1, g.slots_per_node(tensor_parallel)) for g in classes)
        by_stage = layout is Layout.STAGE_BY_STAGE
        self.unit = data_parallel if by_stage else 1
        self.capacity: Vector = tuple(slots) if by_stage else tuple(s // data_parallel for s in slots)
        every = tuple(itertools.islice(_splits(self.unit, self.capacity), MAX_COMPOSITIONS + 1))
        self.truncated = len(every) > MAX_COMPOSITIONS
        self.compositions = tuple(pure_compositions(self.unit, self.capacity)) if self.truncated else every
        self.transfer = lru_cache(maxsize=None)(self._transfer)
        self.transfer_latency = lru_cache(maxsize=None)(self._transfer_latency)
        self.ring = lru_cache(maxsize=None)(self._ring)
        self.ring_latency = lru_cache(maxsize=None)(self._ring_latency)

    @cached_property
    def max_stages(self) -> int:
        """Longest path the slots allow."""
        return sum(self.capacity) // self.unit

    def phase(self, position: Vector) -> Vector:
        """Return the position modulo the nodes' slots."""
        return tuple(u % q for u, q in zip(position, self.period, strict=True))

    def slots(self, position: Vector, composition: Vector) -> list[tuple[int, int]]:
        """Return (class, slot) of every replica of a stage placed at a position."""
        if self.layout is Layout.STAGE_BY_STAGE:
            return [(g, position[g] + k) for g, n in enumerate(composition) for k in range(n)]
        g = composition.index(1)
        return [(g, r * self.capacity[g] + position[g]) for r in range(self.data_parallel)]

    def devices(self, position: Vector, composition: Vector) -> tuple[tuple[str, ...], ...]:
        """Return the device addresses of every replica of a stage placed at a position."""
        t = self.tensor_parallel
        groups = []
        for g, slot in self.slots(position, composition):
            node, first = divmod(slot, self.period[g])
            groups.append(tuple(self.classes[g].nodes[node].device(first * t + k) for k in range(t)))
        return tuple(groups)

    def _nodes(self, position: Vector, composition: Vector) -> list[int]:
        return [self.classes[g].nodes[slot // self.period[g]].index for g, slot in self.slots(position, composition)]

    def _fits(self, position: Vector) -> bool:
        return all(u <= c for u, c in zip(position, self.capacity, strict=True))

    def _transfer(self, phase: Vector, earlier: Vector, later: Vector) -> float:
        """Seconds per boundary byte from a stage at ``phase + later`` to the later stage at ``phase``.

        ``inf`` where no position of that phase has room for both.
        """
        ends = self._ends(phase, earlier, later)
        return self._costs.transfer_seconds_per_byte(*ends) if ends else math.inf

    def _transfer_latency(self, phase: Vector, earlier: Vector, later: Vector) -> float:
        """Seconds of that transfer whatever its bytes; ``inf`` where no position of that phase has room for both."""
        ends = self._ends(phase, earlier, later)
        return self._costs.transfer_latency(*ends) if ends else math.inf

    def _ends(self, phase: Vector, earlier: Vector, later: Vector) -> tuple[list[int], list[int]] | None:
        middle = add(phase, later)
        if not self._fits(add(middle, earlier)):
            return None
        return self._nodes(middle, earlier), self._nodes(phase, later)

    def _ring(self, phase: Vector, composition: Vector) -> float:
        """Seconds per gradient byte of a stage placed at a phase; ``inf`` where it has no room."""
        if not self._fits(add(phase, composition)):
            return math.inf
        return self._costs.synchronisation_seconds_per_byte(self._nodes(phase, composition), self.tensor_parallel)

    def _ring_latency(self, phase: Vector, composition: Vector) -> float:
        """Seconds of that synchronisation whatever its bytes; ``inf`` where the stage has no room."""
        if not self._fits(add(phase, composition)):
            return math.inf
        return self._costs.synchronisation_latency(self._nodes(phase, composition), self.tensor_parallel)


def add(a: Vector, b: Vector) -> Vector:
    """Return the sum of two vectors."""
    return tuple(x + y for x, y in zip(a, b, strict=True))


def usable_slots(costs: PerByteCost, classes: tuple[NodeClass, ...], tensor_parallel: int) -> list[int]:
    """Return the slots of every class; none where the tensor degree is not profiled."""
    return [
        g.slots(tensor_parallel) if costs.layer_seconds(g.device_type, tensor_parallel, 1) is not None else 0
        for g in classes
    ]


def pure_compositions(unit: int, capacity: Vector) -> Iterator[Vector]:
    """Yield the compositions on a single class."""
    for g, limit in enumerate(capacity):
        if limit >= unit:
            yield tuple(unit * (h == g) for h in range(len(capacity)))


def _splits(unit: int, capacity: Vector) -> Iterator[Vector]:
    """Yield every way to take ``unit`` slots; no branch is a dead end, so the first ones come at once."""
    if not capacity:
        yield ()
        return
    head, tail = capacity[0], capacity[1:]
    for taken in range(max(0, unit - sum(tail)), min(unit, head) + 1):
        yield from ((taken, *rest) for rest in _splits(unit - taken, tail))
