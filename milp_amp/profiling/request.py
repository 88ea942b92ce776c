"""What is to be measured."""

from dataclasses import dataclass
from typing import Literal

from milp_amp.errors import InputError
from milp_amp.problem.shape import ModelShape

TorchDevice = Literal["cuda", "cpu"]
Precision = Literal["bfloat16", "float16", "float32"]

ELEMENT_BYTES: dict[Precision, int] = {"bfloat16": 2, "float16": 2, "float32": 4}
"""Bytes of one element of weights and activations."""

OUTER_PARTS = 2
"""Of the chain beside the transformer layers: the embedding before them and the head behind them."""

_MOST = 10**9


@dataclass(frozen=True, kw_only=True)
class Request:
    """A model's parts, how they are run and how often.

    Attributes
    ----------
    shape
        The model; one of its transformer layers is timed and stands for all.
    microbatch_sizes
        Sequences that a pass goes through at once. The smallest come first, whatever their order here.
    sequence
        Tokens of a sequence.
    precision
        Of weights, activations and gradients; the optimizer's state is in single precision.
    warm_up, repetitions
        Passes that are run and forgotten, and those whose median counts.
    """

    shape: ModelShape
    microbatch_sizes: tuple[int, ...]
    sequence: int = 2048
    torch_device: TorchDevice = "cuda"
    precision: Precision = "bfloat16"
    warm_up: int = 3
    repetitions: int = 10

    def __post_init__(self) -> None:
        sizes = self.microbatch_sizes
        if not sizes or min(sizes) < 1 or max(sizes) > _MOST or len(set(sizes)) < len(sizes):
            found = ",".join(map(str, sizes)) or "nothing"
            raise InputError(f"--microbatches: {found}, expected different numbers from 1 to {_MOST}")
        object.__setattr__(self, "microbatch_sizes", tuple(sorted(sizes)))
        _within("sequence", self.sequence, 1, self.shape.positions or _MOST)
        _within("warm-up", self.warm_up, 0, 10**6)
        _within("repetitions", self.repetitions, 1, 10**6)
        if self.shape.experts is not None:
            raise InputError(
                f"{self.shape.name}: {self.shape.experts.count} experts in a layer, expected a model without experts: "
                "how tokens are sent to them is not built here"
            )

    @property
    def num_layers(self) -> int:
        """Length of the chain: embedding, transformer layers, head."""
        return self.shape.layers + OUTER_PARTS


def _within(option: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise InputError(f"--{option}: {value}, expected from {least} to {most}")
