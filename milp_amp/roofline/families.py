"""What the configurations of a family of models leave unsaid, because its program says it."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Family:
    """A family of models; ``ModelShape`` says what most of the fields mean.

    Attributes
    ----------
    gated
        Whether feed-forward blocks have a gate; ``None``: where the activation is one that comes with a gate.
    tied
        Whether the head uses the word embedding's matrix where the configuration does not say.
    learned_positions
        Rows of the position embedding beyond the longest sequence; ``None`` where positions are not embedded.
    fourfold
        Whether the feed-forward block is four times as wide as the hidden size where the configuration does not say.
    shared_gate
        Whether a gate weighs the shared experts.
    """

    gated: bool | None = None
    tied: bool = False
    biases: bool = False
    query_key_value_biases: bool = False
    norm_biases: bool = False
    layer_norms: int = 2
    head_norms: bool = False
    embedding_norm: bool = False
    learned_positions: int | None = None
    fourfold: bool = False
    shared_gate: bool = False


_GPT = Family(gated=False, tied=True, biases=True, learned_positions=0, fourfold=True)
_LLAMA = Family(gated=True)
_QWEN_2 = Family(gated=True, query_key_value_biases=True)
_QWEN_3 = Family(gated=True, head_norms=True)

FAMILIES = {
    "gpt2": _GPT,
    "gpt_bigcode": _GPT,
    "opt": Family(gated=False, tied=True, biases=True, learned_positions=2),
    "bloom": Family(gated=False, tied=True, biases=True, embedding_norm=True, fourfold=True),
    "falcon": Family(gated=False, tied=True, norm_biases=True, fourfold=True),
    "gpt_neox": Family(gated=False, biases=True),
    "starcoder2": Family(gated=False, tied=True, biases=True),
    "llama": _LLAMA,
    "mistral": _LLAMA,
    "mixtral": _LLAMA,
    "phi3": _LLAMA,
    "deepseek": _LLAMA,
    "qwen2": _QWEN_2,
    "qwen2_vl": _QWEN_2,
    "qwen2_vl_text": _QWEN_2,
    "qwen2_5_vl": _QWEN_2,
    "qwen2_5_vl_text": _QWEN_2,
    "qwen2_moe": Family(gated=True, query_key_value_biases=True, shared_gate=True),
    "qwen3": _QWEN_3,
    "qwen3_moe": _QWEN_3,
    "gemma": Family(gated=True, tied=True),
    "gemma2": Family(gated=True, tied=True, layer_norms=4),
    "gemma3_text": Family(gated=True, tied=True, layer_norms=4, head_norms=True),
}
"""Families by the ``model_type`` of their configurations."""

UNKNOWN = Family(tied=True)
"""Any other: what the keys say, and tied where they say nothing, as is the rule of ``transformers``."""

GATED_ACTIVATIONS = ("silu", "swish", "swiglu", "geglu", "reglu")
"""Activations that decoders of today use in a block with a gate."""
