"""The ``blocking`` cost model: stages that wait while they send, over measured bandwidth curves.

It has the composition of the ``sailor`` cost model, and differs in what single things take:

* A message between two stages travels at the bandwidth of one pair of devices: every tensor rank has the whole
  activation and sends it (Megatron-LM's default), so more ranks do not move it faster.
* All tensor ranks of a replica synchronise over the connection of their node at the same time: their rings share it.
* A transformer layer of known ``Model.shape`` keeps what the formulas of ``cost.memory`` count. State and reserve are
  the workload's.

On Sailor's 23 measured strategies this halves the error of Sailor's own formulas (``benchmarks/predictions.py``).
"""

from dataclasses import dataclass

from msgspec.structs import replace

from milp_amp.cost.memory import parameters, transformer_activation_bytes
from milp_amp.cost.sailor import SailorCost
from milp_amp.problem.model import Layer, MeasuredSize
from milp_amp.units import MB


@dataclass(frozen=True, eq=False)
class BlockingCost(SailorCost):
    """Curves of single pairs, rings that share, activations counted."""

    name: str = "blocking"

    @staticmethod
    def _curve_streams(streams: int) -> int:
        """Return one: more tensor ranks each send the whole activation."""
        return 1

    def stage_gradient_bytes(self, start: int, stop: int) -> float:
        """Gradient bytes of the stage's parameters, as many for each as the workload says."""
        return self.instance.workload.gradient_bytes * parameters(self.instance.model.chain[start:stop])

    def ring_bytes(self, start: int, stop: int, tensor_parallel: int) -> float:
        """Gradient bytes that all devices of a tensor group reduce over the connection they share."""
        return self.stage_gradient_bytes(start, stop)

    @property
    def _state_bytes(self) -> float:
        """Bytes per parameter, as the workload says."""
        return self.instance.workload.kept_bytes

    def _reserve(self, tensor_parallel: int) -> float:
        """As the workload says."""
        return self.instance.workload.reserve

    def _size(self, layer: Layer, tensor_parallel: int) -> MeasuredSize:
        """Return sizes on one device; activations of transformer layers are counted where the shape is known."""
        size, shape = super()._size(layer, tensor_parallel), self.instance.model.shape
        if shape is None or layer.kind != "transformer":
            return size
        counted = transformer_activation_bytes(shape, self.instance.workload, tensor_parallel)
        return replace(size, stored_MB=counted / MB)
