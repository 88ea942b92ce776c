"""The ``pipeline`` cost model, the default: a link is a station of the pipeline too."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from milp_amp.cost.allreduce import AllReduce
from milp_amp.cost.layers import layer_seconds
from milp_amp.cost.memory import parameters
from milp_amp.cost.network import FloatArray, Network
from milp_amp.cost.traffic import IntArray, Pairs, Traffic
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

    @cached_property
    def _traffic(self) -> Traffic:
        return Traffic(self.network, self.instance.cluster)

    @cached_property
    def _all_reduce(self) -> AllReduce:
        return AllReduce(self._traffic, self.instance.workload.all_reduce == "hierarchical")

    @property
    def slowest_pair_decides(self) -> bool:
        """Where the cluster's contention says so."""
        return self.instance.cluster.contention == "slowest_pair"

    @property
    def gradient_bytes(self) -> float:
        """Bytes per parameter, as the workload says; half as much again under ZeRO 3.

        Where optimizer state or gradients are divided, a reduce-scatter of gradients and an all-gather of weights
        move what the all-reduce moved; where the weights are divided, they are gathered before both passes
        (Rajbhandari et al., "ZeRO", SC 2020, section 7: 2 Ψ and 3 Ψ).
        """
        workload = self.instance.workload
        return workload.gradient_bytes * (ZERO_3_VOLUME if workload.zero_stage == 3 else 1.0)

    @property
    def step_overhead(self) -> float:
        """As the workload says."""
        return self.instance.workload.step_overhead

    def stage_overhead(self, tensor_parallel: int, microbatch_size: int) -> float:
        """As the workload says."""
        return self.instance.workload.stage_overhead(tensor_parallel, microbatch_size)

    def update_seconds_per_byte(self, replicas: int, tensor_parallel: int) -> float:
        """Every device updates a ``tensor_parallel``-th of the stage's parameters at the workload's rate."""
        return self.instance.workload.update_seconds(replicas) / (self.gradient_bytes * tensor_parallel)

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
        there, back = self._both_ways(sources, targets)
        return self._traffic.seconds_per_byte(there) + self._traffic.seconds_per_byte(back)

    def transfer_latency(self, sources: Sequence[int], targets: Sequence[int]) -> float:
        """One message there and one back, as late as the latest replica's."""
        there, back = self._both_ways(sources, targets)
        return self._traffic.latency(there) + self._traffic.latency(back)

    def transfer_tables(self, sources: IntArray, targets: IntArray) -> tuple[FloatArray, FloatArray]:
        """Both of the above at once; transfers share."""
        return self._traffic.exchange_tables(sources, targets)

    def _both_ways(self, sources: Sequence[int], targets: Sequence[int]) -> tuple[Pairs, Pairs]:
        pairs = self._traffic.exchanges(sources, targets)
        return pairs, [(w, v) for v, w in pairs]

    def stage_gradient_bytes(self, start: int, stop: int) -> float:
        """Gradient bytes of the stage's parameters; shared parameters count once."""
        return self.gradient_bytes * parameters(self.instance.model.chain[start:stop])

    def synchronisation_seconds_per_byte(self, nodes: Sequence[int], tensor_parallel: int) -> float:
        """All-reduce of the kind that the workload says, and then the update."""
        update = self.update_seconds_per_byte(len(nodes), tensor_parallel)
        return self._all_reduce.seconds_per_byte(nodes, tensor_parallel) + update

    def synchronisation_latency(self, nodes: Sequence[int], tensor_parallel: int) -> float:
        """As many messages after each other as the all-reduce has rounds, and what every step takes."""
        return self._all_reduce.latency(nodes, tensor_parallel) + self.step_overhead

    def least_transfer_seconds_per_byte(self) -> float:
        """Return there and back over the fastest connection of the cluster.

        Proof: every pair of replicas alone needs at least that; sharing never makes it faster, nor do further pairs.
        """
        return 2.0 / self.network.fastest

    def least_transfer_latency(self) -> float:
        """Return there and back over the connection with the least latency: some replica waits for one."""
        return 2.0 * self.network.least_latency

    def least_synchronisation_seconds_per_byte(self, replicas: int, tensor_parallel: int, edge: float = 0.0) -> float:
        """Return the all-reduce over the fastest connections; an edge that is known to be there counts."""
        update = self.update_seconds_per_byte(replicas, tensor_parallel)
        return self._all_reduce.least_seconds_per_byte(replicas, tensor_parallel, edge) + update

    def least_synchronisation_latency(self, replicas: int, tensor_parallel: int) -> float:
        """Return the all-reduce over the connections with the least latency."""
        return self._all_reduce.least_latency(replicas, tensor_parallel) + self.step_overhead
