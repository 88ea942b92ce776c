"""The ``pipeline`` cost model, the default: a link is a station of the pipeline too."""

from collections.abc import Sequence
from dataclasses import dataclass

from milp_amp.cost.collectives import concurrent_seconds_per_byte, ring_pairs, ring_volume
from milp_amp.cost.layers import layer_seconds
from milp_amp.cost.memory import parameters
from milp_amp.cost.network import FloatArray, Network
from milp_amp.problem.instance import Instance


@dataclass(frozen=True, eq=False)
class PipelineCost:
    """Measured layers, links that are paid per microbatch and shared, memory that binds."""

    instance: Instance
    network: Network
    name: str = "pipeline"
    links_are_stations: bool = True
    limits_memory: bool = True

    @property
    def gradient_bytes(self) -> float:
        """Bytes per parameter, as the workload says."""
        return self.instance.workload.gradient_bytes

    def layer_seconds(self, device_type: str, tensor_parallel: int, microbatch_size: int) -> FloatArray | None:
        """Forward plus backward seconds from the profile."""
        times = layer_seconds(self.instance, device_type, tensor_parallel, microbatch_size)
        return None if times is None else times.both

    def boundary_bytes(self, layer: int, tensor_parallel: int, microbatch_size: int) -> float:
        """Bytes of the activation; each tensor rank sends its share and the receivers gather it."""
        elements = self.instance.model.chain[layer].output_elements_per_device(tensor_parallel)
        return microbatch_size * elements * self.instance.workload.element_bytes

    def transfer_seconds_per_byte(self, sources: Sequence[int], targets: Sequence[int]) -> float:
        """Activation forward and gradient back, all replicas at the same time."""
        pairs = list(zip(sources, targets, strict=True))
        back = [(w, v) for v, w in pairs]
        return concurrent_seconds_per_byte(self.network, pairs) + concurrent_seconds_per_byte(self.network, back)

    def stage_gradient_bytes(self, start: int, stop: int) -> float:
        """Gradient bytes of the stage's parameters; shared parameters count once."""
        return self.gradient_bytes * parameters(self.instance.model.chain[start:stop])

    def synchronisation_seconds_per_byte(self, nodes: Sequence[int], tensor_parallel: int) -> float:
        """Ring all-reduce; the rings of a tensor group run at the same time, each with its share."""
        if len(nodes) == 1:
            return 0.0
        share = ring_volume(len(nodes)) / tensor_parallel
        return share * concurrent_seconds_per_byte(self.network, ring_pairs(nodes), streams=tensor_parallel)

    def least_transfer_seconds_per_byte(self) -> float:
        """Return there and back over the fastest connection of the cluster.

        Proof: every pair of replicas alone needs at least that, and sharing never makes it faster.
        """
        return 2.0 / self.network.fastest

    def least_synchronisation_seconds_per_byte(self, replicas: int, tensor_parallel: int) -> float:
        """Return a ring over the fastest connections.

        Proof: the slowest edge of the ring is no faster than the fastest connection. Where the replicas
        do not fit into one node, some edge leaves its node and carries the rings of all tensor ranks.
        """
        if replicas == 1:
            return 0.0
        share = ring_volume(replicas) / tensor_parallel
        room = max(group.devices for group in self.instance.cluster.nodes) // tensor_parallel
        if replicas <= room:
            return share / self.network.fastest
        return share * max(1.0 / self.network.fastest, tensor_parallel / self.network.fastest_between_nodes)
