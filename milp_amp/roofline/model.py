"""A model's layers with their parameters and with what they keep for the backward pass."""

from milp_amp.problem.model import Layer, Model, SharedParameters, TransformerShape
from milp_amp.problem.shape import ModelShape
from milp_amp.problem.workload import Workload
from milp_amp.roofline import parameters
from milp_amp.units import MB

LOGIT_BYTES_KEPT = 12.0
"""Of one logit: itself in half precision 2, its copy for the loss 4, the softmax that becomes the gradient 4, and the
gradient in half precision 2."""


def model_of(shape: ModelShape, workload: Workload) -> Model:
    """Return the chain: embedding, transformer layers, and the head with the last normalisation and the loss."""
    return Model(
        name=shape.name,
        shape=TransformerShape(hidden_size=shape.hidden_size, heads=shape.heads, ffn_size=kept_width(shape)),
        layers=(
            _embedding(shape, workload.sequence_length),
            *_transformers(shape, workload.sequence_length),
            _head(shape, workload),
        ),
    )


def kept_width(shape: ModelShape) -> int:
    """Return the width of a GPT's feed-forward block with which its layer would keep as much as one of this shape.

    Per token a GPT's layer keeps four elements of the hidden size ``h`` that a tensor group divides (query, key, value,
    the attention's output) and two of the feed-forward width. Here queries and output have ``q`` elements, keys and
    values ``k``, a block of width ``f`` in ``g`` matrices keeps ``g f`` (with a gate: its input, what it gates, and the
    product), and each of ``a`` experts has a copy of its input and its output::

        4 h + 2 width = 2 q + 2 k + max(g f, g f_experts + 2 a h)
    """
    h, matrices, experts = shape.hidden_size, shape.feed_forward_matrices, shape.experts
    block = matrices * shape.ffn_size if shape.dense_layers else 0
    if experts is not None and shape.dense_layers < shape.layers:
        width = (experts.active + experts.shared) * experts.ffn_size
        block = max(block, matrices * width + 2 * experts.active * h)
    return max(1, -(-(2 * shape.attention_width + 2 * shape.key_value_width + block - 4 * h) // 2))


def _embedding(shape: ModelShape, sequence: int) -> Layer:
    own = parameters.embedding(shape) - (parameters.word_embedding(shape) if shape.tied else 0)
    return Layer(
        name="embedding",
        kind="embedding",
        parameters=own,
        shared_parameters=_tied(shape),
        output_elements=sequence * shape.hidden_size,
    )


def _transformers(shape: ModelShape, sequence: int) -> list[Layer]:
    """Return the transformer layers, those without experts first, as one entry each."""
    dense = shape.dense_layers
    entries = [("layer", dense, 0), ("layer with experts", shape.layers - dense, dense)]
    return [
        Layer(
            name=name,
            kind="transformer",
            repeat=count,
            parameters=parameters.transformer(shape, first),
            output_elements=sequence * shape.hidden_size,
        )
        for name, count, first in entries
        if count
    ]


def _head(shape: ModelShape, workload: Workload) -> Layer:
    """Return the head: the normalisation keeps its input, and the matrix product its own."""
    state, logits = workload.sequence_length * shape.hidden_size, workload.sequence_length * shape.vocabulary
    return Layer(
        name="head",
        kind="head",
        parameters=parameters.normalisation(shape) + parameters.head(shape),
        shared_parameters=_tied(shape),
        output_elements=logits,
        output_sharded=True,
        activation_MB=2 * workload.element_bytes * state / MB,
        activation_sharded_MB=LOGIT_BYTES_KEPT * logits / MB,
    )


def _tied(shape: ModelShape) -> SharedParameters | None:
    if not shape.tied:
        return None
    return SharedParameters(name="word_embedding", parameters=parameters.word_embedding(shape))
