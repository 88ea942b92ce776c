"""Configurations of published models, only what their shape follows from, and their published parameters."""

from typing import Any

GPT2 = {
    "model_type": "gpt2",
    "n_layer": 12,
    "n_embd": 768,
    "n_head": 12,
    "n_inner": None,
    "n_positions": 1024,
    "vocab_size": 50257,
}
OPT_125M = {
    "model_type": "opt",
    "num_hidden_layers": 12,
    "hidden_size": 768,
    "word_embed_proj_dim": 768,
    "num_attention_heads": 12,
    "ffn_dim": 3072,
    "max_position_embeddings": 2048,
    "vocab_size": 50272,
}
BLOOM_560M = {"model_type": "bloom", "n_layer": 24, "hidden_size": 1024, "n_head": 16, "vocab_size": 250880}
PYTHIA_70M = {
    "model_type": "gpt_neox",
    "num_hidden_layers": 6,
    "hidden_size": 512,
    "num_attention_heads": 8,
    "intermediate_size": 2048,
    "max_position_embeddings": 2048,
    "vocab_size": 50304,
    "tie_word_embeddings": False,
}
FALCON_7B = {
    "model_type": "falcon",
    "num_hidden_layers": 32,
    "hidden_size": 4544,
    "num_attention_heads": 71,
    "num_kv_heads": 71,
    "multi_query": True,
    "new_decoder_architecture": False,
    "parallel_attn": True,
    "bias": False,
    "vocab_size": 65024,
}
STARCODER_1B = {
    "model_type": "gpt_bigcode",
    "n_layer": 24,
    "n_embd": 2048,
    "n_head": 16,
    "n_inner": 8192,
    "n_positions": 8192,
    "multi_query": True,
    "vocab_size": 49152,
}
LLAMA_7B = {
    "model_type": "llama",
    "num_hidden_layers": 32,
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "intermediate_size": 11008,
    "max_position_embeddings": 2048,
    "hidden_act": "silu",
    "vocab_size": 32000,
    "tie_word_embeddings": False,
}
LLAMA_3_8B = LLAMA_7B | {
    "num_key_value_heads": 8,
    "intermediate_size": 14336,
    "max_position_embeddings": 8192,
    "vocab_size": 128256,
}
MISTRAL_7B = LLAMA_3_8B | {"model_type": "mistral", "max_position_embeddings": 32768, "vocab_size": 32000}
QWEN2_7B = LLAMA_7B | {
    "model_type": "qwen2",
    "num_hidden_layers": 28,
    "hidden_size": 3584,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "intermediate_size": 18944,
    "vocab_size": 152064,
}
QWEN3_8B = LLAMA_3_8B | {
    "model_type": "qwen3",
    "num_hidden_layers": 36,
    "head_dim": 128,
    "intermediate_size": 12288,
    "attention_bias": False,
    "vocab_size": 151936,
}
GEMMA_2B = {
    "model_type": "gemma",
    "num_hidden_layers": 18,
    "hidden_size": 2048,
    "num_attention_heads": 8,
    "num_key_value_heads": 1,
    "head_dim": 256,
    "intermediate_size": 16384,
    "max_position_embeddings": 8192,
    "vocab_size": 256000,
}
GEMMA_2_2B = GEMMA_2B | {
    "model_type": "gemma2",
    "num_hidden_layers": 26,
    "hidden_size": 2304,
    "num_key_value_heads": 4,
    "intermediate_size": 9216,
}
MIXTRAL_8X7B = MISTRAL_7B | {"model_type": "mixtral", "num_local_experts": 8, "num_experts_per_tok": 2}
DEEPSEEK_MOE_16B = LLAMA_7B | {
    "model_type": "deepseek",
    "num_hidden_layers": 28,
    "hidden_size": 2048,
    "num_attention_heads": 16,
    "num_key_value_heads": 16,
    "intermediate_size": 10944,
    "moe_intermediate_size": 1408,
    "n_routed_experts": 64,
    "n_shared_experts": 2,
    "num_experts_per_tok": 6,
    "first_k_dense_replace": 1,
    "moe_layer_freq": 1,
    "max_position_embeddings": 4096,
    "vocab_size": 102400,
}
QWEN1_5_MOE = LLAMA_7B | {
    "model_type": "qwen2_moe",
    "num_hidden_layers": 24,
    "hidden_size": 2048,
    "num_attention_heads": 16,
    "intermediate_size": 5632,
    "moe_intermediate_size": 1408,
    "shared_expert_intermediate_size": 5632,
    "num_experts": 60,
    "num_experts_per_tok": 4,
    "decoder_sparse_step": 1,
    "vocab_size": 151936,
}
QWEN3_30B_A3B = QWEN3_8B | {
    "model_type": "qwen3_moe",
    "num_hidden_layers": 48,
    "hidden_size": 2048,
    "num_key_value_heads": 4,
    "intermediate_size": 6144,
    "moe_intermediate_size": 768,
    "num_experts": 128,
    "num_experts_per_tok": 8,
    "decoder_sparse_step": 1,
    "mlp_only_layers": [],
}

PUBLISHED: dict[str, tuple[dict[str, Any], int]] = {
    "GPT-2": (GPT2, 124_439_808),
    "OPT-125M": (OPT_125M, 125_239_296),
    "BLOOM-560M": (BLOOM_560M, 559_214_592),
    "Pythia-70M": (PYTHIA_70M, 70_426_624),
    "Falcon-7B": (FALCON_7B, 6_921_720_704),
    "StarCoderBase-1B": (STARCODER_1B, 1_137_207_296),
    "LLaMA-7B": (LLAMA_7B, 6_738_415_616),
    "Llama-3-8B": (LLAMA_3_8B, 8_030_261_248),
    "Mistral-7B": (MISTRAL_7B, 7_241_732_096),
    "Qwen2-7B": (QWEN2_7B, 7_615_616_512),
    "Qwen3-8B": (QWEN3_8B, 8_190_735_360),
    "Gemma-2B": (GEMMA_2B, 2_506_172_416),
    "Gemma-2-2B": (GEMMA_2_2B, 2_614_341_888),
    "Mixtral-8x7B": (MIXTRAL_8X7B, 46_702_792_704),
    "DeepSeekMoE-16B": (DEEPSEEK_MOE_16B, 16_375_728_128),
    "Qwen1.5-MoE-A2.7B": (QWEN1_5_MOE, 14_315_784_192),
    "Qwen3-30B-A3B": (QWEN3_30B_A3B, 30_532_122_624),
}
"""Parameters of the published checkpoints; what is tied counts once."""
