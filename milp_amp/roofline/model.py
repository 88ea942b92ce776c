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
        shape=kept_shape(shape),
        layers=(
            _embedding(shape, workload.sequence_length),
            *_transformers(shape, workload.sequence_length),
            _head(shape, workload),
        ),
    )


def kept_shape(shape: ModelShape) -> TransformerShape:
    """Return what the activations of a transformer layer are counted from (``cost.memory``)."""
    return TransformerShape(
        hidden_size=shape.hidden_size,
        heads=shape.heads,
        ffn_size=_kept_width(shape),
        ffn_tensors=shape.feed_forward_matrices,
        attention_size=shape.attention_width,
        key_value_size=shape.key_value_width,
    )


def _kept_width(shape: ModelShape) -> int:
    """Return the width of a feed-forward block that keeps as much as the model's.

    A block of width ``f`` in ``g`` matrices keeps ``g f`` elements per token (with a gate: its input, what it gates,
    and the product). Each of ``a`` active experts has a copy of the layer's input and of its output besides: ``2 a h``.
    Where only some layers have experts, it is the larger of both.
    """
    matrices, experts = shape.feed_forward_matrices, shape.experts
    dense = shape.ffn_size if shape.dense_layers else 0
    if experts is None or shape.dense_layers >= shape.layers:
        return dense
    copies = -(-2 * experts.active * shape.hidden_size // matrices)
    return max(dense, (experts.active + experts.shared) * experts.ffn_size + copies)


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
