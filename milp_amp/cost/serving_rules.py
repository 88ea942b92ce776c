"""How a serving system admits and copies, in the figures of Helix's simulator (Mei et al., ASPLOS 2025)."""

from milp_amp.errors import InputError
from milp_amp.problem.serving import Performance, Seconds

EXPECTED_ANSWER = 240
"""Tokens of an answer, as far as room in caches is concerned."""

FULLEST_MACHINE, FULLEST_LAYER = 0.85, 0.8
"""Expected share of a cache up to which a machine admits a request, and up to which offline requests follow."""

LEAST_SHARE = 0.05
"""Of a machine's flow: a link that carries less is not used."""

MOST_DECODES = 480
"""Decode tokens in a batch."""

COPY_SECONDS_PER_BYTE = 1 / 4e9 + 1 / 5e9
"""From host to device and within the device."""


def tables_of(name: str, performance: Performance) -> tuple[Seconds, Seconds]:
    """Return the milliseconds of prompts and of decodes of a group of machines.

    Raises
    ------
    InputError
        If one of them, or the room in caches, is missing.
    """
    if performance.prompt_ms is None or performance.decode_ms is None or not performance.kv_token_layers:
        raise InputError(f"performance.{name}: a table is missing, expected prompt_ms, decode_ms and kv_token_layers")
    return performance.prompt_ms, performance.decode_ms
