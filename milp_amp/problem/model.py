"""The neural network: a chain of layers."""

from functools import cached_property
from typing import Annotated, Literal

import msgspec

from milp_amp.problem.types import Name, NonNegativeFloat, PositiveInt, Title
from milp_amp.units import MB


class SharedParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters several layers use, such as a tied embedding: a stage holds them once."""

    name: Name
    parameters: NonNegativeFloat


class MeasuredSize(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one device of a tensor group of ``tensor_parallel`` devices was found to hold of a layer.

    Attributes
    ----------
    parameters
        Trainable parameters on the device.
    stored_MB
        Bytes kept until the backward pass, per sequence.
    """

    tensor_parallel: PositiveInt
    parameters: NonNegativeFloat
    stored_MB: NonNegativeFloat


class Layer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One indivisible unit of the model, or ``repeat`` equal ones in a row.

    Attributes
    ----------
    kind
        What the layer is; AMP's search treats transformer layers specially when it splits evenly.
    parameters
        Trainable parameters of this layer alone; tensor parallelism divides them.
    output_elements
        Elements that leave the layer for the next one, per sequence.
    output_sharded
        Whether tensor parallelism divides the output (logits) or repeats it (hidden states).
    activation_MB, activation_sharded_MB
        Bytes kept until the backward pass, per sequence: the part every device of a tensor
        group keeps whole, and the part the group divides. What is given here holds as it stands, whatever the
        workload recomputes. Where neither is given, a transformer layer of known ``Model.shape`` keeps what the
        formulas of ``milp_amp.cost.memory`` say, and any other layer nothing.
    measured
        Sizes on one device where they were measured, for tensor degrees at which dividing says something else. The
        ``sailor`` cost model takes them; the others divide.
    """

    name: Name
    kind: Literal["embedding", "transformer", "head", "other"] = "other"
    repeat: PositiveInt = 1
    parameters: NonNegativeFloat = 0.0
    shared_parameters: SharedParameters | None = None
    output_elements: NonNegativeFloat
    output_sharded: bool = False
    activation_MB: NonNegativeFloat | None = None
    activation_sharded_MB: NonNegativeFloat | None = None
    measured: tuple[MeasuredSize, ...] = ()

    def __post_init__(self) -> None:
        degrees = [size.tensor_parallel for size in self.measured]
        if duplicates := [degree for degree in degrees if degrees.count(degree) > 1]:
            raise ValueError(f"measured: tensor_parallel {duplicates[0]} stands twice, expected once")

    def measured_at(self, tensor_parallel: int) -> MeasuredSize | None:
        """Sizes on one device of a tensor group; ``None`` where none were measured."""
        return next((size for size in self.measured if size.tensor_parallel == tensor_parallel), None)

    def given_activation_bytes(self, tensor_parallel: int) -> float | None:
        """Bytes that the file says one device keeps for one sequence; ``None`` where it says nothing."""
        if self.activation_MB is None and self.activation_sharded_MB is None:
            return None
        return ((self.activation_MB or 0.0) + (self.activation_sharded_MB or 0.0) / tensor_parallel) * MB

    def output_elements_per_device(self, tensor_parallel: int) -> float:
        """Elements that leave the layer for one sequence, seen by one device of a tensor group."""
        return self.output_elements / (tensor_parallel if self.output_sharded else 1)


class TransformerShape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the activations of the model's transformer layers are counted from.

    Attributes
    ----------
    ffn_size
        Width of the feed-forward block; four times the hidden size where it is not given.
    ffn_tensors
        Tensors of that width that are kept: two, input and output of the activation function, and three with a gate.
    attention_size, key_value_size
        Width of all queries together, and of all keys together; the hidden size where they are not given.
    dropout
        Whether there are dropouts, whose masks and outputs are kept.
    """

    hidden_size: PositiveInt
    heads: PositiveInt
    ffn_size: PositiveInt | None = None
    ffn_tensors: PositiveInt = 2
    attention_size: PositiveInt | None = None
    key_value_size: PositiveInt | None = None
    dropout: bool = True

    @property
    def ffn_width(self) -> int:
        """Width of the feed-forward block."""
        return 4 * self.hidden_size if self.ffn_size is None else self.ffn_size

    @property
    def attention_widths(self) -> int:
        """Width of queries, keys, values and the attention's output together."""
        queries = self.attention_size or self.hidden_size
        return 2 * (queries + (self.key_value_size or queries))


class Model(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """A chain of layers; ``repeat`` keeps equal neighbours aggregated in files."""

    name: Title
    layers: Annotated[tuple[Layer, ...], msgspec.Meta(min_length=1)]
    shape: TransformerShape | None = None

    def __post_init__(self) -> None:
        if sum(layer.repeat for layer in self.layers) > MAX_LAYERS:
            raise ValueError(f"model.layers: more than {MAX_LAYERS} layers")
        sizes: dict[str, float] = {}
        for shared in (layer.shared_parameters for layer in self.layers if layer.shared_parameters):
            known = sizes.setdefault(shared.name, shared.parameters)
            if known != shared.parameters:
                raise ValueError(
                    f"model.layers: shared parameters {shared.name!r} have {known} and {shared.parameters} "
                    f"elements, expected one number"
                )

    @cached_property
    def chain(self) -> tuple[Layer, ...]:
        """Every layer once, in the order of the forward pass."""
        return tuple(layer for layer in self.layers for _ in range(layer.repeat))

    @property
    def num_layers(self) -> int:
        """Length of the chain."""
        return len(self.chain)


MAX_LAYERS = 20_000
"""Longest chain that is read: beyond it a file is taken for a mistake."""
