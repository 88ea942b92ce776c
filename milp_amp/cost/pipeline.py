"""The ``pipeline`` cost model, the default: a link is a station of the pipeline too."""

from collections.abc import Sequence
from dataclasses import dataclass

from milp_amp.cost.collectives import (
    all_pairs,
    concurrent_seconds_per_byte,
    ring_pairs,
    ring_volume,
    slowest_seconds_per_byte,
)
from milp_amp.cost.layers import layer_seconds
from milp_amp.cost.memory import parameters
from milp_amp.cost.network import FloatArray, Network
from milp_amp.problem.instance import Instance

ZERO_3_VOLUME = 1.5
"""What ZeRO 3 sends per step, over what an all-reduce of the gradients sends."""


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
        """Bytes per parameter, as the workload says; half as much again under ZeRO 3.

        Where optimizer state or gradients are divided, a reduce-scatter of gradients and an all-gather of weights
        move what the all-reduce moved; where the weights are divided, they are gathered before both passes
        (Rajbhandari et al., "ZeRO", SC 2020, section 7: 2 Ψ and 3 Ψ).
        """
        workload = self.instance.workload
        return workload.gradient_bytes * (ZERO_3_VOLUME if workload.zero_stage == 3 else 1.0)

    def layer_seconds(self, device_type: str, tensor_parallel: int, microbatch_size: int) -> FloatArray | None:
        """Forward plus backward seconds from the profile."""
        times = layer_seconds(self.instance, device_type, tensor_parallel, microbatch_size)
        return None if times is None else times.both

    def boundary_bytes(self, layer: int, tensor_parallel: int, microbatch_size: int) -> float:
        """Bytes of the activation; each tensor rank sends its share and the receivers gather it."""
        elements = self.instance.model.chain[layer].output_elements_per_device(tensor_parallel)
        return microbatch_size * elements * self.instance.workload.element_bytes

    @property
    def _shares(self) -> bool:
        return self.instance.cluster.contention == "shared"

    def transfer_seconds_per_byte(self, sources: Sequence[int], targets: Sequence[int]) -> float:
        """Activation forward and gradient back, all replicas at the same time.

        Where the slowest pair decides, between any node of the one stage and any of the other: a cost of two sets of
        nodes that never falls as one of them grows.
        """
        pairs = self._exchanges(sources, targets)
        back = [(w, v) for v, w in pairs]
        return self._together(pairs) + self._together(back)

    def _exchanges(self, sources: Sequence[int], targets: Sequence[int]) -> list[tuple[int, int]]:
        return list(zip(sources, targets, strict=True)) if self._shares else all_pairs(sources, targets)

    def _together(self, pairs: Sequence[tuple[int, int]], streams: int = 1) -> float:
        """Return the seconds until every pair has moved ``streams`` bytes, a byte each if nothing is shared."""
        if self._shares:
            return concurrent_seconds_per_byte(self.network, pairs, streams)
        return slowest_seconds_per_byte(self.network, pairs)

    def stage_gradient_bytes(self, start: int, stop: int) -> float:
        """Gradient bytes of the stage's parameters; shared parameters count once."""
        return self.gradient_bytes * parameters(self.instance.model.chain[start:stop])

    def synchronisation_seconds_per_byte(self, nodes: Sequence[int], tensor_parallel: int) -> float:
        """Ring all-reduce; the rings of a tensor group run at the same time, each with its share.

        Where the slowest pair decides, the rings have the bandwidth of the slowest connection between two nodes
        of the stage, or inside one that has room for two replicas: a cost of the set of nodes that never falls as
        the set grows.
        """
        if len(nodes) == 1:
            return 0.0
        share = ring_volume(len(nodes)) / tensor_parallel
        return share * self._together(self._ring(nodes, tensor_parallel), streams=tensor_parallel)

    def _ring(self, nodes: Sequence[int], tensor_parallel: int) -> list[tuple[int, int]]:
        """Return the pairs of nodes that are neighbours in the ring, or that may be in some order of the replicas."""
        if self._shares:
            return ring_pairs(nodes)
        hosts = self.instance.cluster.hosts
        return [(v, w) for v, w in all_pairs(nodes, nodes) if v != w or hosts[v].group.devices >= 2 * tensor_parallel]

    def least_transfer_seconds_per_byte(self) -> float:
        """Return there and back over the fastest connection of the cluster.

        Proof: every pair of replicas alone needs at least that; sharing never makes it faster, nor do further pairs.
        """
        return 2.0 / self.network.fastest

    def least_synchronisation_seconds_per_byte(self, replicas: int, tensor_parallel: int) -> float:
        """Return a ring over the fastest connections.

        Proof: the slowest edge of the ring is no faster than the fastest connection. Where the replicas
        do not fit into one node, some edge leaves its node; where rings share, it carries those of all tensor ranks.
        """
        if replicas == 1:
            return 0.0
        share = ring_volume(replicas) / tensor_parallel
        room = max(group.devices for group in self.instance.cluster.nodes) // tensor_parallel
        if replicas <= room:
            return share / self.network.fastest
        streams = tensor_parallel if self._shares else 1
        return share * max(1.0 / self.network.fastest, streams / self.network.fastest_between_nodes)
