"""Lower bounds on the step time of a configuration, over the whole space of placements.

Every bound holds wherever the stages sit, whatever the partition and the order of classes; uniform
tensor and data degree is all that is assumed. Letters: ``e[g, l]`` seconds of layer ``l`` on class ``g``,
``Q[g]`` tensor groups that fit into the class, ``d`` replicas, ``m`` microbatches.
"""

import math
from dataclasses import dataclass

import numpy as np

from milp_amp.cost.network import FloatArray
from milp_amp.space.boxes import Box
from milp_amp.space.classes import NodeClass
from milp_amp.space.columns import MEMORY_ROUNDING, LayerTables
from milp_amp.space.configuration import Degrees


@dataclass(frozen=True)
class Bound:
    """A provable statement: no plan of the configuration has a step time below ``value`` seconds."""

    name: str
    value: float
    reason: str


class Pieces:
    """The parts a lower bound on the step time is put together from, for one choice of degrees.

    Parameters
    ----------
    stages
        The numbers of stages that plans may have, rising; ``None``: any, up to one per layer.
    """

    def __init__(
        self,
        tables: LayerTables,
        classes: tuple[NodeClass, ...],
        degrees: Degrees,
        stages: tuple[int, ...] | None = None,
    ) -> None:
        self._fewest = stages[0] if stages else 1
        self._most = stages[-1] if stages else tables.num_layers
        costs, t, b = tables.costs, degrees.tensor_parallel, degrees.microbatch_size
        times = [(g, costs.layer_seconds(g.device_type, t, b)) for g in classes]
        usable = [(g, seconds) for g, seconds in times if seconds is not None and g.slots(t) > 0]
        self.degrees = degrees
        self._links_are_stations = costs.links_are_stations
        self.layer_seconds: FloatArray = np.array([seconds for _, seconds in usable])
        self.slots = np.array([g.slots(t) for g, _ in usable])
        self._least_ring = costs.least_synchronisation_seconds_per_byte(degrees.data_parallel, t)
        self._ring_latency = costs.least_synchronisation_latency(degrees.data_parallel, t)
        self._gradients = tables.all_gradient_bytes
        inner = tables.boundary_bytes(degrees)[1:-1]
        smallest = float(inner.min()) if inner.size else 0.0
        self._least_transfer = costs.least_transfer_latency() + smallest * costs.least_transfer_seconds_per_byte()
        workload = costs.instance.workload
        per_parameter = workload.state_bytes_per_parameter(degrees.data_parallel) if costs.limits_memory else 0.0
        self._state = per_parameter * float(tables.parameters[0, -1]) / t
        self._room = max(g.memory for g, _ in usable) * (1 + MEMORY_ROUNDING) - workload.reserve

    def fastest_devices(self) -> float:
        """Return seconds below which ``Σ τ`` cannot lie: every layer on its fastest class.

        Proof: a stage is as slow as its slowest replica, so its ``τ`` is at least the sum of its layers'
        seconds on any of its classes, and each of these is at least the layer's fastest.
        """
        return float(self.layer_seconds.min(axis=0).sum())

    def longest_layer(self) -> float:
        """Return seconds below which no bottleneck can lie: the longest layer on its fastest class.

        Proof: some stage holds that layer.
        """
        return float(self.layer_seconds.min(axis=0).max())

    def perfect_balance(self) -> float:
        """Return seconds below which no bottleneck can lie: total work over total speed.

        Proof: in ``W`` seconds the slots of class ``g`` work at most ``Q[g] W``; every layer is worked on by
        ``d`` slots. For any prices ``λ >= 0``, ``Σ_g λ[g] Q[g] W >= d Σ_l min_g λ[g] e[g, l]``. The prices
        here are the classes' mean speeds.
        """
        prices = 1.0 / self.layer_seconds.sum(axis=1)
        work = self.degrees.data_parallel * float((prices[:, None] * self.layer_seconds).min(axis=0).sum())
        return work / float(np.dot(prices, self.slots))

    def mean_stage(self) -> float:
        """Return seconds below which no bottleneck can lie: the layers' least, shared by the most stages.

        Proof: the stages take ``Σ τ`` together, so the slowest of them takes at least the mean.
        """
        return self.fastest_devices() / self._most

    def least_synchronisation(self) -> float:
        """Return seconds below which the slowest synchronisation cannot lie.

        Proof: the stages hold all gradients together, so one of at most ``Σ Q / d`` stages holds the
        mean; its ring is no faster than the best ring of the cluster, and its latency no shorter than the least.
        """
        most_stages = min(int(self.slots.sum()) // self.degrees.data_parallel, self._most)
        return self._ring_latency + float(self._gradients / most_stages * self._least_ring)

    def least_stages(self) -> int:
        """Return the fewest stages that are allowed and whose devices can hold the model at all.

        Proof: the stages hold all parameters together, and no device holds more than its memory.
        """
        if self._state == 0:
            return self._fewest
        if self._room <= 0:
            return max(self._fewest, int(self.layer_seconds.shape[1]))
        return max(self._fewest, math.ceil(self._state / self._room * (1 - MEMORY_ROUNDING)))

    def transfers(self) -> float:
        """Return seconds below which ``Σ κ`` cannot lie: the smallest boundary over the largest flow, again and again.

        Proof: the stages that memory or a restriction enforces are joined by transfers; none is faster than the
        smallest boundary over the largest max flow of the cluster after the least latency, and sharing only makes it
        slower.
        """
        return (self.least_stages() - 1) * self._least_transfer

    def box(self) -> Box:
        """Return the range of W and S that every plan of the configuration lies in."""
        return Box(
            bottleneck_floor=max(self.longest_layer(), self.perfect_balance(), self.mean_stage(), self._station()),
            synchronisation_floor=self.least_synchronisation(),
        )

    def _station(self) -> float:
        """Return the least ``κ`` where there must be a transfer and links are stations, else 0."""
        return self._least_transfer if self._links_are_stations and self.least_stages() > 1 else 0.0


def lower_bounds(pieces: Pieces) -> tuple[Bound, ...]:
    """Return the cheap bounds of a configuration; the last one combines the others.

    ``step_time >= Σ τ + (m − 1) W + S`` with each term replaced by a bound of its own.
    """
    total, transfers, least = pieces.fastest_devices(), pieces.transfers(), pieces.least_synchronisation()
    weight, box = pieces.degrees.num_microbatches - 1, pieces.box()
    longest = weight * pieces.longest_layer()
    balance = weight * pieces.perfect_balance()
    return (
        Bound("fastest devices", total + longest, "every layer on its fastest class, the longest as bottleneck"),
        Bound("perfect balance", total + balance, "total work over total speed as bottleneck"),
        Bound("links", total + longest + transfers, "transfers between the stages that memory enforces"),
        Bound("synchronisation", total + least, "the mean stage's gradients over the best ring"),
        Bound("combined", box.bound(total + transfers, weight), "all of the above together"),
    )


def least_step_time(bounds: tuple[Bound, ...]) -> float:
    """Return the strongest of the bounds."""
    return max(bound.value for bound in bounds)
