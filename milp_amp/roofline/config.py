"""A model's shape from its ``config.json``, as the library ``transformers`` writes it: data only, never a program."""

import os
from pathlib import Path
from typing import Any

import msgspec

from milp_amp.errors import InputError
from milp_amp.problem.files import decode_json, read_bytes
from milp_amp.problem.shape import ModelShape
from milp_amp.roofline.families import FAMILIES, GATED_ACTIVATIONS, UNKNOWN, Family
from milp_amp.roofline.keys import Keys

_LANGUAGE_MODEL = ("text_config", "llm_config", "language_config")
"""Where a model that also sees or hears keeps the configuration of the part that is counted here."""

_NOT_COUNTED = {
    "is_encoder_decoder": "a decoder alone",
    "kv_lora_rank": "attention without latent keys and values",
    "interleave_moe_layer_step": "experts in every layer after the first dense ones",
    "linear_num_value_heads": "the same attention in every layer",
    "mamba_d_state": "attention in every layer",
    "ssm_cfg": "attention in every layer",
}
"""Keys of layers that no formula here counts, and what is counted."""


def read_config(path: str | os.PathLike[str]) -> ModelShape:
    """Read the shape of a decoder-only transformer.

    A ``model_type`` that no family here has is read by the same keys, without biases and learned positions.

    Raises
    ------
    InputError
        If the file cannot be read, a key that is needed is missing, or the model is of a kind that is not counted.
    """
    return shape_of(read_bytes(path, InputError), str(path))


def shape_of(content: bytes, where: str) -> ModelShape:
    """Read the same from what stands in a file; ``where`` is the file's name.

    Raises
    ------
    InputError
        As ``read_config``.
    """
    document = decode_json(content, dict[str, Any], InputError, where)
    keys = Keys(where, _language_model(document, where))
    _check_kind(keys)
    try:
        return msgspec.convert({"name": _title(Path(where), keys), **_fields(keys)}, ModelShape)
    except msgspec.ValidationError as failure:
        raise InputError(f"{where}: {str(failure).replace(' - at `$.', ' - at `')}") from None


def _language_model(document: dict[str, Any], where: str) -> dict[str, Any]:
    for name in _LANGUAGE_MODEL:
        inner = document.get(name)
        if inner is None:
            continue
        if not isinstance(inner, dict):
            raise InputError(f"{where}: {name} {inner!r}, expected an object")
        return {"tie_word_embeddings": document.get("tie_word_embeddings"), **inner}
    return document


def _check_kind(keys: Keys) -> None:
    for name, expected in _NOT_COUNTED.items():
        if keys.values.get(name):
            keys.refuse(name, expected)
    if keys.values.get("word_embed_proj_dim") not in (None, keys.needed("hidden_size")):
        keys.refuse("word_embed_proj_dim", f"the hidden size, {keys.needed('hidden_size')}")


def _title(path: Path, keys: Keys) -> str:
    """Return the file's name, or that of its folder where the file is called as they all are."""
    if path.stem != "config":
        return path.stem
    return path.absolute().parent.name or keys.text("model_type") or "model"


def _fields(keys: Keys) -> dict[str, Any]:
    """Return the fields of the shape but its name."""
    family = FAMILIES.get(keys.text("model_type") or "", UNKNOWN)
    heads, hidden, learned = keys.needed("heads"), keys.needed("hidden_size"), family.learned_positions
    experts = _experts(keys, family)
    return {
        "layers": keys.needed("layers"),
        "hidden_size": hidden,
        "heads": heads,
        "key_value_heads": _key_value_heads(keys, heads),
        "head_size": _head_size(keys, heads, hidden),
        "ffn_size": _ffn_size(keys, family, experts),
        "vocabulary": keys.needed("vocabulary"),
        "positions": 0 if learned is None else keys.needed("longest_sequence") + learned,
        "longest_sequence": keys.count("longest_sequence"),
        "experts": experts,
        **_variant(keys, family),
    }


def _variant(keys: Keys, family: Family) -> dict[str, Any]:
    """Return what is one way or another, by the configuration or else by the family."""
    return {
        "gated": _gated(keys, family),
        "tied": keys.flag("tie_word_embeddings", family.tied),
        "biases": keys.flag("use_bias", keys.flag("bias", family.biases)),
        "query_key_value_biases": keys.flag("qkv_bias", keys.flag("attention_bias", family.query_key_value_biases)),
        "norm_biases": family.norm_biases,
        "layer_norms": _layer_norms(keys, family),
        "head_norms": family.head_norms,
        "embedding_norm": family.embedding_norm,
    }


def _key_value_heads(keys: Keys, heads: int) -> int:
    """Return the heads of keys and values; Falcon's first architecture names them, but has one or all."""
    if keys.flag("multi_query", False) and not keys.flag("new_decoder_architecture", False):
        return 1
    return keys.count("key_value_heads") or heads


def _head_size(keys: Keys, heads: int, hidden: int) -> int:
    given = keys.count("head_size")
    if given is None and hidden % heads:
        raise InputError(f"{keys.where}: hidden size {hidden} for {heads} heads, expected a multiple, or head_dim")
    return given or hidden // heads


def _gated(keys: Keys, family: Family) -> bool:
    if family.gated is not None:
        return family.gated
    activation = keys.text("hidden_act", "hidden_activation", "activation_function")
    if activation is None:
        raise InputError(f"{keys.where}: hidden_act is missing, expected the activation of a model_type unknown here")
    return activation in GATED_ACTIVATIONS


def _ffn_size(keys: Keys, family: Family, experts: dict[str, Any] | None) -> int:
    """Return the width without experts; where all layers have experts, none needs it."""
    given = keys.count("ffn_size")
    if given is None and family.fourfold:
        return 4 * keys.needed("hidden_size")
    if given is None and experts is not None and not experts["dense_layers"]:
        return int(experts["ffn_size"])
    return given or keys.needed("ffn_size")


def _layer_norms(keys: Keys, family: Family) -> int:
    """Return normalisations per layer; only Falcon's configurations say whether its blocks share one."""
    if keys.flag("new_decoder_architecture", False):
        return 1 if keys.values.get("num_ln_in_parallel_attn") == 1 else 2
    return 1 if keys.flag("parallel_attn", False) else family.layer_norms


def _experts(keys: Keys, family: Family) -> dict[str, Any] | None:
    count = keys.count("experts")
    if count is None:
        return None
    for name in ("moe_layer_freq", "decoder_sparse_step"):
        if keys.values.get(name) not in (None, 1):
            keys.refuse(name, "1: experts in every layer after the first dense ones")
    width = keys.count("expert_size") or keys.needed("ffn_size")
    return {
        "count": count,
        "active": keys.needed("active_experts"),
        "ffn_size": width,
        "shared": _shared_experts(keys, width),
        "dense_layers": _dense_layers(keys),
        "shared_gate": family.shared_gate,
    }


def _shared_experts(keys: Keys, width: int) -> int:
    together = keys.count("shared_size") or 0
    if together % width:
        raise InputError(f"{keys.where}: shared experts of width {together}, expected a multiple of {width}")
    return keys.count("shared_experts") or together // width


def _dense_layers(keys: Keys) -> int:
    listed = keys.values.get("mlp_only_layers") or []
    if not isinstance(listed, list) or listed != list(range(len(listed))):
        keys.refuse("mlp_only_layers", "a list of the first layers")
    return keys.count("dense_layers") or len(listed)
