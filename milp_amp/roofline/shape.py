"""What a decoder-only transformer looks like: all that its costs are counted from."""

import msgspec

from milp_amp.problem.types import PositiveInt, Title


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
    """

    count: PositiveInt
    active: PositiveInt
    ffn_size: PositiveInt
    shared: int = 0
    dense_layers: int = 0

    def __post_init__(self) -> None:
        if self.active > self.count:
            raise ValueError(f"experts: {self.active} of {self.count} are active, expected at most all")
        if self.shared < 0 or self.dense_layers < 0:
            raise ValueError("experts: a negative count, expected 0 or more")


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
        Whether matrix products add a bias.
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
    positions: int = 0
    tied: bool = False
    biases: bool = False
    experts: Experts | None = None

    def __post_init__(self) -> None:
        if self.heads % self.key_value_heads:
            raise ValueError(
                f"key_value_heads: {self.key_value_heads}, expected a divisor of {self.heads} (the attention's heads)"
            )

    @property
    def attention_width(self) -> int:
        """Width of all queries together."""
        return self.heads * self.head_size

    @property
    def key_value_width(self) -> int:
        """Width of all keys together, and of all values."""
        return self.key_value_heads * self.head_size
