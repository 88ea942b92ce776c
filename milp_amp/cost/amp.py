"""The ``amp`` cost model: AMP's published formulas, kept exactly for comparison (NeurIPS 2022).

What it gets wrong is part of it: one profile averaged over the device types, backward = twice
forward, seconds proportional to the microbatch, links paid once instead of per microbatch, no memory,
and a ring that is as fast as the one edge that closes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from milp_amp.cost.collectives import ring_volume
from milp_amp.cost.layers import AMP_BACKWARD_RATIO, layer_seconds
from milp_amp.cost.memory import parameters
from milp_amp.cost.network import FloatArray, Network
from milp_amp.cost.traffic import IntArray
from milp_amp.problem.instance import Instance

ELEMENT_BYTES = 4.0
"""AMP counts activations and parameters in 32-bit elements."""


@dataclass(frozen=True, eq=False)
class AmpCost:
    """AMP's averages."""

    instance: Instance
    network: Network
    name: str = "amp"
    links_are_stations: bool = False
    slowest_pair_decides: bool = False
    limits_memory: bool = False

    @property
    def gradient_bytes(self) -> float:
        """AMP reduces 32-bit elements."""
        return ELEMENT_BYTES

    @property
    def step_overhead(self) -> float:
        """None in AMP's formula."""
        return 0.0

    def stage_overhead(self, tensor_parallel: int, microbatch_size: int) -> float:
        """None in AMP's formula."""
        return 0.0

    def update_seconds_per_byte(self, replicas: int, tensor_parallel: int) -> float:
        """None in AMP's formula."""
        return 0.0

    def layer_seconds(self, device_type: str, tensor_parallel: int, microbatch_size: int) -> FloatArray | None:
        """Three times the forward seconds at microbatch 1, averaged over all devices of the cluster.

        The device type does not matter, which is part of what AMP gets wrong.
        """
        cluster = self.instance.cluster
        average = np.zeros(self.instance.model.num_layers)
        for group in cluster.nodes:
            times = layer_seconds(self.instance, group.device, tensor_parallel, 1)
            if times is None:
                return None
            average += group.count * group.devices / cluster.num_devices * times.forward
        return (1 + AMP_BACKWARD_RATIO) * microbatch_size * average

    def boundary_bytes(self, layer: int, tensor_parallel: int, microbatch_size: int) -> float:
        """Activation bytes of one direction: AMP forgets the gradient's way back."""
        elements = self.instance.model.chain[layer].output_elements_per_device(tensor_parallel)
        return microbatch_size * elements * ELEMENT_BYTES

    def transfer_seconds_per_byte(self, sources: Sequence[int], targets: Sequence[int]) -> float:
        """Mean over the replicas of what each would need alone."""
        between = self.network.between
        alone = [1.0 / float(between[v, w]) for v, w in zip(sources, targets, strict=True)]
        return sum(alone) / len(alone)

    def transfer_latency(self, sources: Sequence[int], targets: Sequence[int]) -> float:
        """None: AMP knows no latency."""
        return 0.0

    def transfer_tables(self, sources: IntArray, targets: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return the mean over the replicas, and no latency."""
        between = self.network.between
        columns = zip(sources.T, targets.T, strict=True)
        total = sum((1.0 / between[np.ix_(v, w)] for v, w in columns), np.zeros((len(sources), len(targets))))
        return total / sources.shape[1], np.zeros_like(total)

    def stage_gradient_bytes(self, start: int, stop: int) -> float:
        """Parameter bytes of the stage; shared parameters count once."""
        return self.gradient_bytes * parameters(self.instance.model.chain[start:stop])

    def synchronisation_seconds_per_byte(self, nodes: Sequence[int], tensor_parallel: int) -> float:
        """Ring all-reduce at the speed of the edge from the last replica to the first."""
        if len(nodes) == 1:
            return 0.0
        closing = float(self.network.between[nodes[-1], nodes[0]])
        return ring_volume(len(nodes)) / (closing * tensor_parallel)

    def synchronisation_latency(self, nodes: Sequence[int], tensor_parallel: int) -> float:
        """None: AMP knows no latency."""
        return 0.0

    def least_transfer_seconds_per_byte(self) -> float:
        """Return one way over the fastest connection: a mean is no less than its smallest term."""
        return 1.0 / self.network.fastest

    def least_synchronisation_seconds_per_byte(self, replicas: int, tensor_parallel: int, edge: float = 0.0) -> float:
        """Return a ring closed over the fastest connection, the only edge that AMP looks at, whichever it is."""
        if replicas == 1:
            return 0.0
        return ring_volume(replicas) / (self.network.fastest * tensor_parallel)

    def least_transfer_latency(self) -> float:
        """None: AMP knows no latency."""
        return 0.0

    def least_synchronisation_latency(self, replicas: int, tensor_parallel: int) -> float:
        """None: AMP knows no latency."""
        return 0.0
