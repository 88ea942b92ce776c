"""The prices of a strategy under the ``sailor`` cost model, replica by replica.

    step_time = (m − 1) · max busy + Σ busy + update + sync

Nothing here is shared with the formulations but the leaf costs.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from milp_amp.cost.sailor import SailorCost
from milp_amp.judge.rules import num_microbatches
from milp_amp.plan.strategy import Stage, Strategy
from milp_amp.problem.cluster import NodeGroup
from milp_amp.problem.instance import Instance
from milp_amp.units import millisecond

MANY_STAGES = 4
"""From this number of stages on, the first stage pays its activation twice."""


@dataclass(frozen=True)
class SailorPrices:
    """Seconds of everything a step consists of.

    Attributes
    ----------
    num_microbatches
        ``m``, of one replica.
    layer_seconds
        τ of every stage: its slowest replica's layers, one microbatch.
    forward_seconds, backward_seconds
        What every boundary takes to move one activation, and one gradient: the slowest pair of replicas.
    synchronisation_seconds
        All-reduce of every stage, once per step.
    updates
        Optimizer update of every stage's first layer, once per step.
    """

    num_microbatches: int
    layer_seconds: tuple[float, ...]
    forward_seconds: tuple[float, ...]
    backward_seconds: tuple[float, ...]
    synchronisation_seconds: tuple[float, ...]
    updates: tuple[float, ...]

    @property
    def stage_seconds(self) -> tuple[float, ...]:
        """What every stage is busy with for one microbatch: its layers, and the transfers at its two ends.

        A stage sends its activation on and its gradient back. The last one is charged its gradient twice, and so is
        the first one its activation where there are four stages or more.
        """
        last = len(self.layer_seconds) - 1
        busy = list(self.layer_seconds)
        for boundary, (forward, backward) in enumerate(zip(self.forward_seconds, self.backward_seconds, strict=True)):
            busy[boundary] += forward * (2 if boundary == 0 and last + 1 >= MANY_STAGES else 1)
            busy[boundary + 1] += backward * (2 if boundary + 1 == last else 1)
        return tuple(busy)

    @property
    def boundary_seconds(self) -> tuple[float, ...]:
        """There and back over every boundary, one microbatch; part of the stages' seconds."""
        return tuple(map(sum, zip(self.forward_seconds, self.backward_seconds, strict=True)))

    @property
    def update_seconds(self) -> float:
        """The longest update of any stage's first layer."""
        return max(self.updates)

    @property
    def step_time(self) -> float:
        """Seconds of a step."""
        busy = self.stage_seconds
        once = sum(busy) + self.update_seconds + max(self.synchronisation_seconds)
        return once + (self.num_microbatches - 1) * max(busy)

    @property
    def limiting(self) -> str:
        """What takes the largest part of the step, in words."""
        m, busy, sync = self.num_microbatches, self.stage_seconds, self.synchronisation_seconds
        parts = [(m * x, f"stage {s} computes and sends for {_ms(x)} per microbatch") for s, x in enumerate(busy)]
        parts += [(x, f"stage {s} synchronises for {_ms(x)} per step") for s, x in enumerate(sync)]
        parts += [(x, f"stage {s} updates for {_ms(x)} per step") for s, x in enumerate(self.updates)]
        return max(parts, key=lambda part: part[0])[1]


def price_sailor(instance: Instance, strategy: Strategy, costs: SailorCost) -> SailorPrices:
    """Price a strategy with a sound structure; ``inf`` where a transfer was never measured."""
    stages, b = strategy.stages, strategy.microbatch_size
    boundaries = range(1, len(stages))
    sizes = [costs.boundary_bytes(stage.stop - 1, stage.tensor_parallel, b) for stage in stages]
    return SailorPrices(
        num_microbatches=num_microbatches(instance, strategy),
        layer_seconds=tuple(_layers(instance, stage, b, costs) for stage in stages),
        forward_seconds=tuple(_slowest(instance, costs, sizes[s - 1], stages[s - 1], stages[s]) for s in boundaries),
        backward_seconds=tuple(_slowest(instance, costs, sizes[s - 1], stages[s], stages[s - 1]) for s in boundaries),
        synchronisation_seconds=tuple(_synchronisation(instance, costs, stage) for stage in stages),
        updates=tuple(_update(instance, stage, b, costs) for stage in stages),
    )


def unmeasured(prices: SailorPrices) -> Iterator[str]:
    """Yield a sentence for every transfer and ring between devices whose bandwidth was never measured at its size."""
    for k, (forward, backward) in enumerate(zip(prices.forward_seconds, prices.backward_seconds, strict=True)):
        if not math.isfinite(forward + backward):
            yield f"stages[{k}], stages[{k + 1}]: no bandwidth was measured for their transfer, {_EXPECTED}"
    for s, seconds in enumerate(prices.synchronisation_seconds):
        if not math.isfinite(seconds):
            yield f"stages[{s}].replicas: no bandwidth was measured for their ring, {_EXPECTED}"


_EXPECTED = "expected a curve in cluster.curves that is positive at its size"


def _layers(instance: Instance, stage: Stage, microbatch_size: int, costs: SailorCost) -> float:
    """Seconds of the slowest replica."""
    span = slice(stage.start, stage.stop)
    return max(
        float(seconds[span].sum())
        for kind in _device_types(instance, stage)
        if (seconds := costs.layer_seconds(kind, stage.tensor_parallel, microbatch_size)) is not None
    )


def _update(instance: Instance, stage: Stage, microbatch_size: int, costs: SailorCost) -> float:
    kinds = _device_types(instance, stage)
    first = [costs.update_seconds(kind, stage.tensor_parallel, microbatch_size)[stage.start] for kind in kinds]
    return float(np.max(first))


def _slowest(instance: Instance, costs: SailorCost, size: float, sender: Stage, receiver: Stage) -> float:
    """Seconds of the slowest pair of replicas with the same number."""
    pairs = dict.fromkeys(zip(_groups(instance, sender), _groups(instance, receiver), strict=True))
    streams = sender.tensor_parallel, receiver.tensor_parallel
    return max(float(costs.transfer_seconds(size, v, w, *streams)) for v, w in pairs)


def _synchronisation(instance: Instance, costs: SailorCost, stage: Stage) -> float:
    """Seconds of the ring at its slowest pair of replicas with consecutive numbers."""
    groups = _groups(instance, stage)
    size = costs.ring_bytes(stage.start, stage.stop, stage.tensor_parallel)
    neighbours = dict.fromkeys(pairwise(groups))
    return max((float(costs.all_reduce_seconds(size, len(groups), v, w)) for v, w in neighbours), default=0.0)


def _groups(instance: Instance, stage: Stage) -> list[NodeGroup]:
    """Group of the node of every replica."""
    return [instance.cluster.host_of_device[devices[0]].group for devices in stage.replicas]


def _device_types(instance: Instance, stage: Stage) -> list[str]:
    return list(dict.fromkeys(group.device for group in _groups(instance, stage)))


def _ms(seconds: float) -> str:
    return f"{seconds / millisecond:.4g} ms"
