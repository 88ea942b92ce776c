"""Measured seconds of the layers."""

from typing import Annotated

import msgspec

from milp_amp.problem.types import NonNegativeFloat, PositiveInt


class LayerTimes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Milliseconds of every layer of the chain, for one device type, tensor degree and microbatch size.

    Where ``backward_ms`` is absent the backward pass takes twice the forward pass: its matrix
    products are twice as many (AMP, section 3.2, uses the same rule). ``update_ms`` is the optimizer's update of
    every layer, once per step; only the ``sailor`` cost model has it.
    """

    device: str
    tensor_parallel: PositiveInt
    microbatch_size: PositiveInt
    forward_ms: Annotated[tuple[NonNegativeFloat, ...], msgspec.Meta(min_length=1)]
    backward_ms: tuple[NonNegativeFloat, ...] | None = None
    update_ms: tuple[NonNegativeFloat, ...] | None = None
