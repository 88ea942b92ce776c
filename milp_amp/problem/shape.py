"""What a decoder-only transformer looks like: all that its costs are counted from."""

from typing import Annotated

import msgspec

from milp_amp.problem.types import PositiveInt, Title

Count = Annotated[int, msgspec.Meta(ge=0, le=10**9)]
"""A count that may be zero."""


class Experts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The feed-forward blocks of a mixture of experts.

    Attributes
    ----------
    count, active
        How many experts a layer has, and how many of them every token goes through.
    ffn_size
        Width of one expert.
    shared
        Experts of the same width that every token goes through beside the active ones.
    dense_layers
        How many layers at the start have an ordinary feed-forward block instead.
    shared_gate
        Whether a learned gate weighs what the shared experts return.
    """

    count: PositiveInt
    active: PositiveInt
    ffn_size: PositiveInt
    shared: Count = 0
    dense_layers: Count = 0
    shared_gate: bool = False

    def __post_init__(self) -> None:
        if self.active > self.count:
            raise ValueError(f"experts: {self.active} of {self.count} are active, expected at most all")


class ModelShape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A chain of equal transformer layers between an embedding and a head.

    Attributes
    ----------
    layers
        Transformer layers.
    key_value_heads
        Heads of keys and values: as many as ``heads`` without grouped queries.
    head_size
        Width of one head; ``heads × head_size`` need not be the hidden size.
    ffn_size
        Width of the feed-forward block of a layer without experts.
    gated
        Whether the feed-forward block has a gate: three matrices instead of two (SwiGLU; Shazeer, arXiv 2002.05202).
    vocabulary
        Rows of the word embedding.
    positions
        Rows of a learned position embedding; 0 where positions are rotated or not embedded.
    tied
        Whether the head uses the word embedding's matrix.
    biases
        Whether matrix products and normalisations add a bias.
    query_key_value_biases
        Whether the products that give queries, keys and values add a bias even so (Qwen2).
    norm_biases
        Whether normalisations add a bias even so (Falcon).
    layer_norms
        Normalisations of the hidden size in a transformer layer: one where attention and feed-forward block lie
        side by side and share it, four where both are also normalised after.
    head_norms
        Whether the queries and the keys of a head are normalised (Qwen3).
    embedding_norm
        Whether what leaves the embedding is normalised (BLOOM).
    longest_sequence
        Tokens of the longest sequence that the model is made for; ``None`` where that is not known.
    experts
        Mixture of experts; ``None`` for an ordinary model.
    """

    name: Title
    layers: PositiveInt
    hidden_size: PositiveInt
    heads: PositiveInt
    key_value_heads: PositiveInt
    head_size: PositiveInt
    ffn_size: PositiveInt
    gated: bool
    vocabulary: PositiveInt
    positions: Count = 0
    tied: bool = False
    biases: bool = False
    query_key_value_biases: bool = False
    norm_biases: bool = False
    layer_norms: Count = 2
    head_norms: bool = False
    embedding_norm: bool = False
    longest_sequence: PositiveInt | None = None
    experts: Experts | None = None

    def __post_init__(self) -> None:
        if self.heads % self.key_value_heads:
            raise ValueError(
                f"key_value_heads: {self.key_value_heads}, expected a divisor of {self.heads} (the attention's heads)"
            )

    @property
    def feed_forward_matrices(self) -> int:
        """Matrices of a feed-forward block, or of one expert."""
        return 3 if self.gated else 2

    @property
    def dense_layers(self) -> int:
        """How many layers, from the first on, have no experts."""
        return self.layers if self.experts is None else min(self.layers, self.experts.dense_layers)

    @property
    def attention_width(self) -> int:
        """Width of all queries together."""
        return self.heads * self.head_size

    @property
    def key_value_width(self) -> int:
        """Width of all keys together, and of all values."""
        return self.key_value_heads * self.head_size
