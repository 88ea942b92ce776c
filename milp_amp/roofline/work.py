"""What one pass of a layer computes, moves and reduces on every device of its tensor group.

With sequence ``s``, hidden size ``h``, widths ``q`` of all queries and ``k`` of all keys, feed-forward width ``f`` in
``g`` matrices, vocabulary ``V`` and tensor degree ``t``, per token:

    operations   (2 h (q + 2 k) + 2 q h + 4 s q + 2 g h f) / t           matrix products of a transformer layer
                 2 h V / t                                               of the head

which is ``24 h² + 4 s h`` for a GPT (Narayanan et al., SC 2021, appendix). A tensor group reduces the layer's output
twice per pass, after the attention and after the feed-forward block (Shoeybi et al., arXiv 1909.08053, section 3).
"""

from dataclasses import dataclass, replace

from milp_amp.problem.shape import ModelShape

LOGIT_BYTES = 6.0
"""Of one logit in the forward pass: written in half precision, and read once in single precision by the loss."""

HEAD_LAUNCHES = 0.1
"""Kernels of a head, or of an embedding, over those of a transformer layer: two or three of some thirty."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """One pass of one layer over a microbatch, on one device.

    Attributes
    ----------
    operations
        Floating-point operations of matrix products.
    moved_bytes
        Read from and written to the device's memory by everything else.
    reduced_bytes
        What the tensor group all-reduces, all reductions together.
    reductions
        How many all-reduces that are.
    launches
        Kernels that the host launches, over those of a transformer layer's pass.
    """

    operations: float = 0.0
    moved_bytes: float = 0.0
    reduced_bytes: float = 0.0
    reductions: int = 0
    launches: float = 0.0

    def times(self, passes: float) -> "Work":
        """Return as much work as that many passes have; reductions stay."""
        return replace(
            self,
            operations=passes * self.operations,
            moved_bytes=passes * self.moved_bytes,
            launches=passes * self.launches,
        )


def feed_forward_width(shape: ModelShape, layer: int) -> int:
    """Return the width of all feed-forward matrices together that a token goes through in a layer."""
    experts = shape.experts
    if experts is None or layer < experts.dense_layers:
        return shape.ffn_size
    return (experts.active + experts.shared) * experts.ffn_size


def transformer(
    shape: ModelShape,
    layer: int,
    sequence: int,
    tokens: int,
    tensor_parallel: int,
    element_bytes: float,
    fused_attention: bool = False,
) -> Work:
    """Return a transformer layer's forward pass over ``tokens`` in sequences of ``sequence``.

    Where the attention is fused its scores never reach the memory (Dao et al., "FlashAttention", NeurIPS 2022).
    """
    h, q, k = shape.hidden_size, shape.attention_width, shape.key_value_width
    f, matrices = feed_forward_width(shape, layer), 3 if shape.gated else 2
    t = tensor_parallel
    products = 2 * h * (q + 2 * k) + 2 * q * h + 4 * sequence * q + 2 * matrices * h * f
    # Written once and read once: inputs and outputs of normalisations and dropouts whole, the rest divided.
    scores = 0.0 if fused_attention else 2.5 * shape.heads * sequence
    elements = 5 * h + (2 * q + 2 * k + matrices * f + scores) / t
    reduced = 2 * tokens * h * element_bytes if t > 1 else 0.0
    return Work(
        operations=tokens * products / t,
        moved_bytes=2 * tokens * elements * element_bytes,
        reduced_bytes=reduced,
        reductions=2 if t > 1 else 0,
        launches=1.0,
    )


def head(shape: ModelShape, tokens: int, tensor_parallel: int) -> Work:
    """Return the forward pass of head and loss."""
    logits = tokens * shape.vocabulary / tensor_parallel
    return Work(operations=2 * shape.hidden_size * logits, moved_bytes=LOGIT_BYTES * logits, launches=HEAD_LAUNCHES)


def embedding(shape: ModelShape, tokens: int, tensor_parallel: int, element_bytes: float) -> Work:
    """Return the forward pass of the embedding: rows are copied, and added up over the tensor group."""
    moved = tokens * shape.hidden_size * element_bytes
    shared = tensor_parallel > 1
    return Work(
        moved_bytes=2 * moved,
        reduced_bytes=moved if shared else 0.0,
        reductions=1 if shared else 0,
        launches=HEAD_LAUNCHES,
    )
