"""What has to be moved for one plan to take the place of another: bytes that devices receive.

A device of a stage of tensor degree ``t``, the ``k``-th of its group, holds a ``t``-th of every layer of the stage: of
the layer's parameters in a row, those from ``k/t`` to ``(k + 1)/t``. Parameters that several layers share are held once
by a stage. A device has to receive what it is to hold and did not hold before, wherever that comes from. Parts of
different degrees have in common what they have of the row: who held the first half has all of the second quarter, and
who held the second quarter has half of the first half. Bytes are those of the parameters as they are computed with
(``Workload.element_bytes``); what else is kept for each of them, such as the optimizer's state, moves in proportion. A
device that is not there any more, or has to stay idle, holds nothing, and a new one did not.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from milp_amp.errors import PlanError
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.instance import Instance


@dataclass(frozen=True)
class Part:
    """What one device holds: layers ``[start, stop)``, of each the ``rank``-th of ``tensor_parallel`` equal parts."""

    start: int
    stop: int
    rank: int
    tensor_parallel: int

    @property
    def ends(self) -> tuple[float, float]:
        """Where its part of every layer begins and ends."""
        return self.rank / self.tensor_parallel, (self.rank + 1) / self.tensor_parallel


def parts_of(strategy: Strategy) -> dict[str, Part]:
    """Return what every device of a plan holds, by its address."""
    return {
        device: Part(stage.start, stage.stop, rank, stage.tensor_parallel)
        for stage in strategy.stages
        for group in stage.replicas
        for rank, device in enumerate(group)
    }


class Movement:
    """Movements from an old plan of an instance's model, perhaps on another cluster.

    Raises
    ------
    PlanError
        If the old plan is one of another model, or uses a device twice.
    """

    def __init__(self, instance: Instance, old: Strategy) -> None:
        layers = instance.model.num_layers
        if old.stages[-1].stop != layers:
            raise PlanError(
                f"replan from: stages end at layer {old.stages[-1].stop}, expected {layers}, the model's end"
            )
        named = [device for stage in old.stages for group in stage.replicas for device in group]
        if len(set(named)) < len(named):
            raise PlanError("replan from: a device stands twice, expected every device once")
        self.instance = instance
        self.held = {device: part for device, part in parts_of(old).items() if _usable(instance, device)}
        self._chain = instance.model.chain
        self._size = instance.workload.element_bytes
        self.overlap = lru_cache(maxsize=None)(self._overlap)

    def received(self, new: Strategy) -> float:
        """Return the bytes that all devices of a plan receive together."""
        return sum(
            self.content(part) - (self.overlap(part, self.held[device]) if device in self.held else 0.0)
            for device, part in parts_of(new).items()
        )

    def content(self, part: Part) -> float:
        """Return the bytes of a part."""
        return self.overlap(part, part)

    def _overlap(self, part: Part, other: Part) -> float:
        """Return the bytes that two parts have in common."""
        low, high = max(part.ends[0], other.ends[0]), min(part.ends[1], other.ends[1])
        both = range(max(part.start, other.start), min(part.stop, other.stop))
        own = sum(self._chain[layer].parameters for layer in both)
        shared = self._shared(part).items() & self._shared(other).items()
        return self._size * (own + sum(count for _, count in shared)) * max(0.0, high - low)

    def _shared(self, part: Part) -> dict[str, float]:
        held = (self._chain[layer].shared_parameters for layer in range(part.start, part.stop))
        return {shared.name: shared.parameters for shared in held if shared is not None}

    def least(self, data_parallel: int) -> float:
        """Return bytes that every plan of at least so many replicas receives, whatever else it is.

        Proof: each replica holds every parameter of a layer once, on devices of its own. Together they receive no less
        than what the replicas hold less all that devices held of the layer before, and what no device held is received
        once at least. Parameters that several layers share are not counted.
        """
        total = 0.0
        for layer, each in enumerate(self._chain):
            rows = [part.ends for part in self.held.values() if part.start <= layer < part.stop]
            copies = sum(high - low for low, high in rows)
            total += each.parameters * max(1.0 - _covered(rows), data_parallel - copies, 0.0)
        return self._size * total


def _usable(instance: Instance, device: str) -> bool:
    """Whether a device is there and need not stay idle."""
    host = instance.cluster.host_of_device.get(device)
    return host is not None and not {host.name, host.group.name} & set(instance.restrictions.idle_nodes)


def _covered(rows: Iterable[tuple[float, float]]) -> float:
    """Return the length of a union of intervals."""
    total, reached = 0.0, 0.0
    for low, high in sorted(rows):
        total += max(0.0, high - max(low, reached))
        reached = max(reached, high)
    return total


def by_node(instance: Instance, parts: dict[str, Part]) -> dict[int, dict[str, Part]]:
    """Return parts by the node of their devices."""
    found: dict[int, dict[str, Part]] = defaultdict(dict)
    for device, part in parts.items():
        found[instance.cluster.host_of_device[device].index][device] = part
    return dict(found)
