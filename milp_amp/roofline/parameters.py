"""Trainable parameters of a transformer's layers.

With hidden size ``h``, widths ``q`` of all queries and ``k`` of all keys, feed-forward width ``f`` in ``g`` matrices,
``E`` experts of width ``e``, vocabulary ``V`` and ``P`` learned positions::

    embedding     V h + P h
    transformer   h (q + 2 k) + q h + g h f          and normalisations and biases, where there are any
                  h (q + 2 k) + q h + g h e E + h E  with experts, and the router that chooses among them
    head          V h, or nothing of its own where it uses the embedding's matrix
"""

from milp_amp.problem.shape import ModelShape


def word_embedding(shape: ModelShape) -> int:
    """Return the elements of the matrix that embeds words, and, where it is tied, also gives the logits."""
    return shape.vocabulary * shape.hidden_size


def embedding(shape: ModelShape) -> int:
    """Return the embedding's parameters."""
    positions = shape.positions * shape.hidden_size
    return word_embedding(shape) + positions + (normalisation(shape) if shape.embedding_norm else 0)


def transformer(shape: ModelShape, layer: int) -> int:
    """Return the parameters of one transformer layer; layers count from 0."""
    block = _feed_forward(shape, shape.ffn_size) if layer < shape.dense_layers else _experts(shape)
    return attention(shape) + block + shape.layer_norms * normalisation(shape)


def attention(shape: ModelShape) -> int:
    """Return the parameters of a layer's attention."""
    h, q, k = shape.hidden_size, shape.attention_width, shape.key_value_width
    weights = h * (q + 2 * k) + q * h
    entering = q + 2 * k if shape.biases or shape.query_key_value_biases else 0
    return weights + entering + (h if shape.biases else 0) + (2 * shape.head_size if shape.head_norms else 0)


def normalisation(shape: ModelShape) -> int:
    """Return the parameters of one normalisation of the hidden size."""
    return shape.hidden_size * (2 if shape.biases or shape.norm_biases else 1)


def head(shape: ModelShape) -> int:
    """Return the parameters of the head alone, without the normalisation before it."""
    return 0 if shape.tied else word_embedding(shape)


def total(shape: ModelShape) -> int:
    """Return the parameters of the whole model; a tied matrix counts once."""
    dense = shape.dense_layers
    layers = dense * transformer(shape, 0) + (shape.layers - dense) * transformer(shape, dense)
    return embedding(shape) + layers + normalisation(shape) + head(shape)


def _feed_forward(shape: ModelShape, width: int) -> int:
    weights = shape.feed_forward_matrices * shape.hidden_size * width
    biases = (shape.feed_forward_matrices - 1) * width + shape.hidden_size if shape.biases else 0
    return weights + biases


def _experts(shape: ModelShape) -> int:
    """Return the parameters of all experts of a layer, of the router, and of the shared experts' gate."""
    experts = shape.experts
    if experts is None:
        return 0
    each = _feed_forward(shape, experts.ffn_size)
    gates = experts.count + (1 if experts.shared_gate else 0)
    return (experts.count + experts.shared) * each + gates * shape.hidden_size
