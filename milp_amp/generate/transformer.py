"""The model of generated instances, a GPT, and the milliseconds of its layers."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from milp_amp.generate.devices import EFFICIENCY, LAUNCH_MS
from milp_amp.generate.request import Request
from milp_amp.problem.model import Layer, Model, TransformerShape

SEQUENCE, VOCABULARY = 2048, 51_200
HEAD_SIZE = 128
ELEMENT_BYTES = 2.0
UNEVEN = (0.5, 1.5)
"""Least and largest factor of an uneven block."""

_HIDDEN = ((24, 2048), (48, 4096), (10**9, 8192))
"""Hidden size up to a number of layers, about as in the models of Narayanan et al., SC 2021, table 1."""


@dataclass(frozen=True)
class Transformer:
    """An embedding, ``len(factors)`` blocks that are ``factors`` times the block of the hidden size, and a head."""

    hidden: int
    factors: tuple[float, ...]
    even: bool

    def model(self, name: str) -> Model:
        """Return the model; equal blocks are one entry."""
        state, h = float(SEQUENCE * self.hidden), self.hidden
        logits = float(SEQUENCE * VOCABULARY)
        blocks = [("block", len(self.factors), 1.0)] if self.even else [(f"block {k}", 1, f) for k, f in self._blocks()]
        return Model(
            name=name,
            shape=TransformerShape(hidden_size=h, heads=max(1, h // HEAD_SIZE)),
            layers=(
                Layer(name="embedding", kind="embedding", parameters=VOCABULARY * h, output_elements=state),
                *(
                    Layer(
                        name=block,
                        kind="transformer",
                        repeat=repeat,
                        parameters=round(factor * 12 * h * h),
                        output_elements=state,
                    )
                    for block, repeat, factor in blocks
                ),
                Layer(
                    name="head",
                    kind="head",
                    parameters=VOCABULARY * h,
                    output_elements=logits,
                    output_sharded=True,
                    activation_sharded_MB=4 * logits / 1e6,
                ),
            ),
        )

    def _blocks(self) -> enumerate[float]:
        return enumerate(self.factors)

    def forward_ms(self, speed: float, inside_GBps: float, tensor_parallel: int, microbatch: int) -> tuple[float, ...]:
        """Return the forward milliseconds of every layer on devices of ``speed`` operations per second.

        A block has ``24 s h² + 4 s² h`` operations and its tensor group reduces two activations, a head has
        ``2 s h V`` (Narayanan et al., SC 2021, appendix; Shoeybi et al., arXiv 1909.08053, section 3). Four digits.
        """
        t, h = tensor_parallel, self.hidden
        products = 1e3 / (t * EFFICIENCY * speed)
        reduce = 2 * 2 * (t - 1) / t * SEQUENCE * h * ELEMENT_BYTES / (inside_GBps * 1e6)
        block = (24 * SEQUENCE * h * h + 4 * SEQUENCE * SEQUENCE * h) * products + reduce
        head = 2 * SEQUENCE * h * VOCABULARY * products
        each: Sequence[float] = (0.0, *(factor * block for factor in self.factors), head)
        return tuple(float(f"{LAUNCH_MS + microbatch * value:.4g}") for value in each)


def transformer(request: Request, random: Random) -> Transformer:
    """Return the model that a request asks for."""
    blocks = request.layers - 2
    factors = tuple(round(random.uniform(*UNEVEN), 2) for _ in range(blocks)) if request.uneven else (1.0,) * blocks
    hidden = next(size for most, size in _HIDDEN if request.layers <= most)
    return Transformer(request.hidden_size or hidden, factors, not request.uneven)
