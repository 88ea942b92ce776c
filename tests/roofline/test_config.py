"""A ``config.json`` says the same by any of its names; what it cannot say is one line."""

import json

import pytest

from milp_amp.errors import InputError
from milp_amp.roofline.config import read_config
from tests.roofline.configs import (
    DEEPSEEK_MOE_16B,
    FALCON_7B,
    GEMMA_2B,
    GPT2,
    LLAMA_3_8B,
    MIXTRAL_8X7B,
    OPT_125M,
    QWEN1_5_MOE,
    QWEN2_7B,
)
from tests.roofline.shapes import shape_of


def without(config, *names):
    return {name: value for name, value in config.items() if name not in names}


@pytest.mark.parametrize(
    ("name", "alias"),
    [
        ("num_hidden_layers", "n_layer"),
        ("num_hidden_layers", "n_layers"),
        ("hidden_size", "n_embd"),
        ("hidden_size", "d_model"),
        ("num_attention_heads", "n_head"),
        ("num_attention_heads", "n_heads"),
        ("num_key_value_heads", "n_kv_heads"),
        ("intermediate_size", "n_inner"),
        ("intermediate_size", "ffn_dim"),
        ("max_position_embeddings", "n_positions"),
    ],
)
def test_an_alias_gives_the_same_shape_as_the_usual_name(name, alias):
    assert shape_of({**without(LLAMA_3_8B, name), alias: LLAMA_3_8B[name]}) == shape_of(LLAMA_3_8B)


@pytest.mark.parametrize("name", ["num_local_experts", "num_experts", "n_routed_experts"])
def test_experts_are_counted_under_any_name(name):
    experts = shape_of({**without(MIXTRAL_8X7B, "num_local_experts"), name: 8}).experts
    assert (experts.count, experts.active, experts.ffn_size, experts.shared) == (8, 2, 14336, 0)


def test_shared_experts_are_given_by_their_number_or_by_their_width():
    assert shape_of(DEEPSEEK_MOE_16B).experts.shared == 2
    assert shape_of(QWEN1_5_MOE).experts.shared == 5632 // 1408


def test_a_layer_that_is_listed_as_dense_counts_among_the_first():
    assert shape_of(QWEN1_5_MOE | {"mlp_only_layers": [0, 1]}).experts.dense_layers == 2


def test_a_head_is_as_wide_as_the_configuration_says_or_as_fits():
    assert shape_of(GEMMA_2B).head_size == 256
    assert shape_of(LLAMA_3_8B).head_size == 4096 // 32
    assert shape_of(LLAMA_3_8B | {"head_dim": None}) == shape_of(LLAMA_3_8B)


def test_keys_and_values_have_the_heads_of_queries_unless_said_otherwise():
    assert shape_of(GPT2).key_value_heads == 12
    assert shape_of(QWEN2_7B).key_value_heads == 4
    assert shape_of(FALCON_7B).key_value_heads == 1
    assert shape_of(FALCON_7B | {"multi_query": False}).key_value_heads == 71
    assert shape_of(FALCON_7B | {"num_kv_heads": 1, "new_decoder_architecture": True}).layer_norms == 2


def test_opt_embeds_two_positions_more_than_its_longest_sequence():
    shape = shape_of(OPT_125M)
    assert (shape.longest_sequence, shape.positions) == (2048, 2050)


@pytest.mark.parametrize("name", ["text_config", "llm_config"])
def test_of_a_model_that_also_sees_the_language_model_is_read(name):
    inner = without(LLAMA_3_8B, "tie_word_embeddings")
    outer = {"model_type": "sees", "hidden_size": 1, "vision_config": {}, "tie_word_embeddings": True, name: inner}
    assert shape_of(outer) == shape_of(LLAMA_3_8B | {"tie_word_embeddings": True})


def test_a_model_type_nobody_knows_is_read_by_its_keys():
    unknown = shape_of(LLAMA_3_8B | {"model_type": "new"})
    assert unknown == shape_of(LLAMA_3_8B)
    assert shape_of(without(LLAMA_3_8B, "model_type")) == unknown
    assert not shape_of(LLAMA_3_8B | {"model_type": "new", "hidden_act": "gelu"}).gated


def test_a_model_is_named_after_its_file_or_its_folder(tmp_path):
    for file in (tmp_path / "small.json", tmp_path / "large" / "config.json"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(GPT2))
    assert read_config(tmp_path / "small.json").name == "small"
    assert read_config(tmp_path / "large" / "config.json").name == "large"


LLAMA = LLAMA_3_8B

MALFORMED = {
    "a-list": ([], "object"),
    "no-layers": (without(LLAMA, "num_hidden_layers"), "num_hidden_layers (or n_layer, n_layers, num_layers)"),
    "no-vocabulary": (without(LLAMA, "vocab_size"), "vocab_size"),
    "no-heads": (LLAMA | {"num_attention_heads": 0}, "num_attention_heads"),
    "no-width": (without(LLAMA, "intermediate_size"), "intermediate_size"),
    "no-activation": (without(LLAMA, "hidden_act") | {"model_type": "new"}, "hidden_act"),
    "no-positions": (without(GPT2, "n_positions"), "max_position_embeddings"),
    "no-active-experts": (without(MIXTRAL_8X7B, "num_experts_per_tok"), "num_experts_per_tok"),
    "more-active-experts-than-there-are": (MIXTRAL_8X7B | {"num_experts_per_tok": 9}, "9 of 8"),
    "negative": (LLAMA | {"hidden_size": -1}, "hidden_size -1"),
    "fraction": (LLAMA | {"hidden_size": 0.5}, "hidden_size 0.5"),
    "boolean": (LLAMA | {"hidden_size": True}, "hidden_size True"),
    "text": (LLAMA | {"num_hidden_layers": "32"}, "num_hidden_layers '32'"),
    "number-for-a-flag": (LLAMA | {"tie_word_embeddings": 1}, "tie_word_embeddings 1"),
    "number-for-a-type": (LLAMA | {"model_type": 1}, "model_type 1"),
    "beyond-counting": (LLAMA | {"vocab_size": 10**12}, "vocab_size"),
    "heads-that-do-not-divide": (LLAMA | {"num_attention_heads": 33, "num_key_value_heads": 33}, "head_dim"),
    "groups-that-do-not-divide": (LLAMA | {"num_key_value_heads": 5}, "key_value_heads: 5"),
    "text-for-an-inner-model": ({"text_config": "llama"}, "text_config 'llama'"),
    "projected-embedding": (OPT_125M | {"word_embed_proj_dim": 512}, "word_embed_proj_dim 512"),
    "latent-attention": (DEEPSEEK_MOE_16B | {"kv_lora_rank": 512}, "kv_lora_rank 512"),
    "encoder": (LLAMA | {"is_encoder_decoder": True}, "is_encoder_decoder"),
    "experts-in-every-other-layer": (QWEN1_5_MOE | {"decoder_sparse_step": 2}, "decoder_sparse_step 2"),
    "a-dense-layer-in-the-middle": (QWEN1_5_MOE | {"mlp_only_layers": [3]}, "mlp_only_layers [3]"),
    "a-number-of-dense-layers": (QWEN1_5_MOE | {"mlp_only_layers": 3}, "mlp_only_layers 3"),
    "an-odd-shared-expert": (QWEN1_5_MOE | {"shared_expert_intermediate_size": 1409}, "1409"),
}


@pytest.mark.parametrize(("config", "named"), MALFORMED.values(), ids=MALFORMED)
def test_what_is_wrong_is_one_line_that_names_it(config, named):
    with pytest.raises(InputError) as failure:
        shape_of(config)
    assert named in str(failure.value)
    assert len(str(failure.value).splitlines()) == 1
    assert str(failure.value).count("model.json") == 1


@pytest.mark.parametrize("content", [b"", b"{", b'{"a": NaN}', b"\xff", b"[" * 100_000, b"null"])
def test_what_is_no_object_in_json_is_one_line(content, tmp_path):
    file = tmp_path / "config.json"
    file.write_bytes(content)
    with pytest.raises(InputError) as failure:
        read_config(file)
    assert len(str(failure.value).splitlines()) == 1


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"missing\.json"):
        read_config(tmp_path / "missing.json")
