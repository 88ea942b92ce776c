"""The prices of a strategy, device by device, and the step time they add up to.

    step_time = Σ stages τ + Σ boundaries κ + (m − 1) · W + S

The formulations compose the same leaf costs in their own way; nothing here is shared with them.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from milp_amp.cost.layers import AMP_BACKWARD_RATIO, layer_seconds
from milp_amp.cost.model import PerByteCost
from milp_amp.cost.network import FloatArray
from milp_amp.judge.rules import num_microbatches
from milp_amp.plan.strategy import Stage, Strategy
from milp_amp.problem.instance import Instance
from milp_amp.units import millisecond


@dataclass(frozen=True)
class Prices:
    """Seconds of everything a step consists of.

    Attributes
    ----------
    num_microbatches
        ``m``, of one replica.
    links_are_stations
        Whether a boundary is paid once per microbatch.
    passes
        ``passes[r][s] = (forward, backward)`` seconds of replica ``r`` in stage ``s``, one microbatch.
    boundary_seconds
        κ of every boundary: one microbatch.
    synchronisation_seconds
        σ of every stage, once per step: synchronisation, update, and the step's overhead.
    """

    num_microbatches: int
    links_are_stations: bool
    passes: tuple[tuple[tuple[float, float], ...], ...]
    boundary_seconds: tuple[float, ...]
    synchronisation_seconds: tuple[float, ...]

    @property
    def stage_seconds(self) -> tuple[float, ...]:
        """τ of every stage: its slowest replica."""
        return tuple(max(map(sum, replicas)) for replicas in zip(*self.passes, strict=True))

    @property
    def bottleneck(self) -> float:
        """``W``: seconds between two microbatches once the pipeline is full."""
        stations = self.stage_seconds + (self.boundary_seconds if self.links_are_stations else ())
        return max(stations)

    @property
    def step_time(self) -> float:
        """Seconds of a step in closed form."""
        once = sum(self.stage_seconds) + sum(self.boundary_seconds)
        return once + (self.num_microbatches - 1) * self.bottleneck + max(self.synchronisation_seconds)

    @property
    def update_seconds(self) -> float:
        """Seconds of the optimizer's update beside those of the stages' synchronisation, which include it."""
        return 0.0

    @property
    def limiting(self) -> str:
        """The resource that is busy for the largest part of the step, in words."""
        m = self.num_microbatches
        per_boundary, times = ("per microbatch", m) if self.links_are_stations else ("once per step", 1)
        busy = [(m * x, f"stage {s} computes {_ms(x)} per microbatch") for s, x in enumerate(self.stage_seconds)]
        busy += [
            (times * x, f"boundary {k} moves data for {_ms(x)} {per_boundary}")
            for k, x in enumerate(self.boundary_seconds)
        ]
        busy += [
            (x, f"stage {s} synchronises for {_ms(x)} per step") for s, x in enumerate(self.synchronisation_seconds)
        ]
        return max(busy, key=lambda entry: entry[0])[1]


def price(instance: Instance, strategy: Strategy, costs: PerByteCost) -> Prices:
    """Price a strategy with a sound structure."""
    stages, b = strategy.stages, strategy.microbatch_size
    passes = [_passes(instance, stage, b, costs) for stage in stages]
    return Prices(
        num_microbatches=num_microbatches(instance, strategy),
        links_are_stations=costs.links_are_stations,
        passes=tuple(zip(*passes, strict=True)),
        boundary_seconds=tuple(
            _boundary(instance, sender, receiver, b, costs) for sender, receiver in pairwise(stages)
        ),
        synchronisation_seconds=tuple(_synchronisation(instance, stage, costs) for stage in stages),
    )


def _passes(instance: Instance, stage: Stage, microbatch_size: int, costs: PerByteCost) -> list[tuple[float, float]]:
    """Forward and backward seconds of every replica: those of the slowest device of its group."""
    known = instance.cluster.host_of_device
    types = [known[group[0]].group.device for group in stage.replicas]  # one node, so one type
    seconds = {kind: _of_device(instance, stage, kind, microbatch_size, costs) for kind in dict.fromkeys(types)}
    return [seconds[kind] for kind in types]


def _of_device(
    instance: Instance, stage: Stage, device_type: str, microbatch_size: int, costs: PerByteCost
) -> tuple[float, float]:
    total = costs.layer_seconds(device_type, stage.tensor_parallel, microbatch_size)
    if total is None:
        raise ValueError(f"tensor degree {stage.tensor_parallel} is not profiled on {device_type}")
    measured = layer_seconds(instance, device_type, stage.tensor_parallel, microbatch_size)
    forward: FloatArray = total / (1 + AMP_BACKWARD_RATIO)
    # Only a cost model that takes the profile as it stands also has the profile's split of the sum.
    if measured is not None and np.array_equal(measured.both, total):
        forward = measured.forward
    span = slice(stage.start, stage.stop)
    both = float(total[span].sum())
    ahead = float(forward[span].sum())
    whole = (stage.start, stage.stop) == (0, instance.model.num_layers)
    extra = 0.0 if whole else costs.stage_overhead(stage.tensor_parallel, microbatch_size)
    return ahead + extra / 2, both - ahead + extra / 2


def _boundary(instance: Instance, sender: Stage, receiver: Stage, microbatch_size: int, costs: PerByteCost) -> float:
    volume = costs.boundary_bytes(sender.stop - 1, sender.tensor_parallel, microbatch_size)
    ends = _nodes(instance, sender), _nodes(instance, receiver)
    return costs.transfer_latency(*ends) + volume * costs.transfer_seconds_per_byte(*ends)


def _synchronisation(instance: Instance, stage: Stage, costs: PerByteCost) -> float:
    volume = costs.stage_gradient_bytes(stage.start, stage.stop)
    nodes, t = _nodes(instance, stage), stage.tensor_parallel
    return costs.synchronisation_latency(nodes, t) + volume * costs.synchronisation_seconds_per_byte(nodes, t)


def _nodes(instance: Instance, stage: Stage) -> list[int]:
    """Node of every replica."""
    return [instance.cluster.host_of_device[group[0]].index for group in stage.replicas]


def _ms(seconds: float) -> str:
    return f"{seconds / millisecond:.4g} ms"
