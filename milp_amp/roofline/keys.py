"""The keys of a ``config.json``: every quantity has several names, and what is wrong with it is said in one line."""

from dataclasses import dataclass
from typing import Any, NoReturn

from milp_amp.errors import InputError

NAMES = {
    "layers": ("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
    "hidden_size": ("hidden_size", "n_embd", "n_embed", "d_model"),
    "heads": ("num_attention_heads", "n_head", "n_heads"),
    "key_value_heads": ("num_key_value_heads", "num_kv_heads", "n_kv_heads"),
    "head_size": ("head_dim",),
    "ffn_size": ("intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size"),
    "vocabulary": ("vocab_size",),
    "longest_sequence": ("max_position_embeddings", "n_positions", "seq_length", "max_seq_len", "n_ctx"),
    "experts": ("num_local_experts", "num_experts", "n_routed_experts"),
    "active_experts": ("num_experts_per_tok", "num_experts_per_token", "moe_topk"),
    "expert_size": ("moe_intermediate_size",),
    "shared_experts": ("n_shared_experts", "num_shared_experts"),
    "shared_size": ("shared_expert_intermediate_size",),
    "dense_layers": ("first_k_dense_replace",),
}
"""Names of every quantity, the one that complaints use first."""

_LARGEST = 10**9


@dataclass(frozen=True)
class Keys:
    """The top level of a configuration, and where it stands."""

    where: str
    values: dict[str, Any]

    def count(self, quantity: str) -> int | None:
        """Return a whole number of at least one; ``None`` where all names of it are missing, ``null`` or 0."""
        for name in NAMES[quantity]:
            value = self.values.get(name)
            if value is None or (value == 0 and type(value) is int):
                continue
            if type(value) is not int or not 1 <= value <= _LARGEST:
                raise InputError(f"{self.where}: {name} {value!r}, expected a whole number from 1 to {_LARGEST}")
            return value
        return None

    def needed(self, quantity: str) -> int:
        """Return a count that the configuration must give."""
        value = self.count(quantity)
        if value is None:
            first, *others = NAMES[quantity]
            also = f" (or {', '.join(others)})" if others else ""
            raise InputError(f"{self.where}: {first}{also} is missing or 0, expected a whole number of at least 1")
        return value

    def flag(self, name: str, otherwise: bool) -> bool:
        """Return what is true or false."""
        value = self.values.get(name)
        if value is None:
            return otherwise
        if not isinstance(value, bool):
            raise InputError(f"{self.where}: {name} {value!r}, expected true or false")
        return value

    def text(self, *names: str) -> str | None:
        """Return the first text of these names."""
        for name in names:
            value = self.values.get(name)
            if isinstance(value, str):
                return value
            if value is not None:
                raise InputError(f"{self.where}: {name} {value!r}, expected a text")
        return None

    def refuse(self, name: str, expected: str) -> NoReturn:
        """Raise an error about a key that cannot be counted with."""
        raise InputError(f"{self.where}: {name} {self.values.get(name)!r}, expected {expected}")
