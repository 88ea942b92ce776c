"""What a cost model is: leaf costs, and which of them the pipeline pays once per microbatch.

Costs are either per byte (``PerByteCost``: ``amp`` and ``pipeline``), or measured by message (``sailor`` and
``blocking``). Per byte:

    step_time = Σ stages τ + Σ boundaries κ + (m − 1) · W + S

``τ`` is the slowest replica's forward and backward seconds, ``κ`` moves one microbatch over a boundary,
``W`` is the largest ``τ`` (and ``κ``, where links are stations of the pipeline), ``S`` the slowest
synchronisation and update, the step's overhead included. Costs per byte may come with a latency that is paid whatever
the bytes; whoever composes the costs adds them up: ``κ = latency + bytes · seconds per byte``.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from milp_amp.cost.amp import AmpCost
from milp_amp.cost.blocking import BlockingCost
from milp_amp.cost.network import FloatArray, Network
from milp_amp.cost.pipeline import PipelineCost
from milp_amp.cost.sailor import SailorCost
from milp_amp.cost.traffic import IntArray
from milp_amp.errors import InputError
from milp_amp.problem.instance import Instance


class PerByteCost(Protocol):
    """Leaf costs of one instance, per byte or per layer."""

    @property
    def name(self) -> str:
        """Name on the command line."""

    @property
    def instance(self) -> Instance:
        """The instance whose costs these are."""

    @property
    def network(self) -> Network:
        """Bandwidths of the instance's cluster."""

    @property
    def links_are_stations(self) -> bool:
        """Whether the pipeline pays a boundary once per microbatch."""

    @property
    def slowest_pair_decides(self) -> bool:
        """Whether costs are functions of node sets: that of the slowest pair of nodes that take part."""

    @property
    def limits_memory(self) -> bool:
        """Whether a plan must fit into the devices' memory."""

    @property
    def gradient_bytes(self) -> float:
        """Bytes that the replicas of a stage reduce per parameter."""

    @property
    def step_overhead(self) -> float:
        """Seconds of every step on top of all else; part of every stage's synchronisation latency."""

    def stage_overhead(self, tensor_parallel: int, microbatch_size: int) -> float:
        """Seconds per microbatch of a stage that is not the whole model, beside its layers."""

    def update_seconds_per_byte(self, replicas: int, tensor_parallel: int) -> float:
        """Seconds of the optimizer's update per gradient byte of a stage; part of its synchronisation's."""

    def layer_seconds(self, device_type: str, tensor_parallel: int, microbatch_size: int) -> FloatArray | None:
        """Forward plus backward seconds of every layer ``(layers,)``; ``None`` where not profiled."""

    def boundary_bytes(self, layer: int, tensor_parallel: int, microbatch_size: int) -> float:
        """Bytes of one microbatch of one replica that leave a layer for the next."""

    def transfer_seconds_per_byte(self, sources: Sequence[int], targets: Sequence[int]) -> float:
        """Seconds per boundary byte between two stages whose replica ``r`` sits on ``sources[r]``, ``targets[r]``."""

    def transfer_latency(self, sources: Sequence[int], targets: Sequence[int]) -> float:
        """Seconds that every transfer between the two stages takes on top of its bytes."""

    def transfer_tables(self, sources: IntArray, targets: IntArray) -> tuple[FloatArray, FloatArray]:
        """Both of the above ``(A, B)`` from every row of ``sources (A, d)`` to every row of ``targets (B, d)``.

        The rows of either repeat their nodes in one pattern; where the slowest pair decides it is not asked.
        """

    def stage_gradient_bytes(self, start: int, stop: int) -> float:
        """Bytes that the replicas of the stage ``[start, stop)`` must reduce."""

    def synchronisation_seconds_per_byte(self, nodes: Sequence[int], tensor_parallel: int) -> float:
        """Seconds per gradient byte of a stage whose replica ``r`` sits on ``nodes[r]``; one replica only updates."""

    def synchronisation_latency(self, nodes: Sequence[int], tensor_parallel: int) -> float:
        """Seconds that every synchronisation of the stage takes on top of its bytes; one replica has the overhead."""

    def least_transfer_seconds_per_byte(self) -> float:
        """Seconds per boundary byte below which no pair of stages can lie, wherever they sit."""

    def least_synchronisation_seconds_per_byte(self, replicas: int, tensor_parallel: int, edge: float = 0.0) -> float:
        """Seconds per gradient byte below which no stage can lie, wherever its replicas sit.

        Where they are on several nodes and every edge counts, ``edge`` is what one of them needs at least.
        """

    def least_transfer_latency(self) -> float:
        """Seconds below which no transfer's latency can lie, wherever the stages sit."""

    def least_synchronisation_latency(self, replicas: int, tensor_parallel: int) -> float:
        """Seconds below which no synchronisation's latency can lie, wherever the replicas sit."""


CostModel = PerByteCost | SailorCost
"""Leaf costs of any kind: both have a name, an instance, layers, boundary and gradient bytes."""

_PER_BYTE: dict[str, Callable[[Instance, Network], PerByteCost]] = {"amp": AmpCost, "pipeline": PipelineCost}
_MODELS: dict[str, Callable[[Instance, Network], CostModel]] = {
    **_PER_BYTE,
    "sailor": SailorCost,
    "blocking": BlockingCost,
}

PER_BYTE_COST_MODELS = tuple(sorted(_PER_BYTE))
"""Names of the cost models whose costs are per byte."""

COST_MODELS = tuple(sorted(_MODELS))
"""Names of the cost models."""


def cost_model(name: str, instance: Instance, network: Network) -> CostModel:
    """Return the named cost model for an instance.

    Raises
    ------
    InputError
        If there is no cost model of that name.
    """
    if name not in _MODELS:
        raise InputError(f"no cost model {name!r}, expected one of {', '.join(COST_MODELS)}")
    return _MODELS[name](instance, network)
