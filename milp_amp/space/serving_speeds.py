"""What the machines of every group do with requests of given lengths, in the numbers that a prediction needs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from milp_amp.cost.serving_rules import COPY_SECONDS_PER_BYTE, EXPECTED_ANSWER, MOST_DECODES, tables_of
from milp_amp.errors import InputError
from milp_amp.problem.serving import Performance, ServingInstance


@dataclass(frozen=True)
class Speeds:
    """One group.

    Attributes
    ----------
    prompt_seconds, prompt_spread
        Of a prompt's pass through one layer: mean over requests, and variance over the mean's square.
    decode_seconds
        Of one layer by the number of requests in a batch, from none to as many as there may be.
    """

    prompt_seconds: float
    prompt_spread: float
    decode_seconds: tuple[float, ...]


@dataclass(frozen=True)
class Demand:
    """What requests of given lengths ask, and how fast every group answers.

    Attributes
    ----------
    prompt_tokens, output_tokens
        Means over requests.
    kept_tokens
        Mean over requests *in flight* of what caches keep for one: long answers stay longer, and their prompts with
        them.
    copy_seconds
        For which a machine copies a prompt that arrives.
    speeds
        By group.
    """

    prompt_tokens: float
    output_tokens: float
    kept_tokens: float
    copy_seconds: float
    speeds: dict[str, Speeds]


def demand_of(instance: ServingInstance, prompt_tokens: Sequence[int], output_tokens: Sequence[int]) -> Demand:
    """Return the demand of requests, one prompt and one answer each.

    Raises
    ------
    InputError
        If a table of prompts, decodes or caches is missing, or every answer is empty.
    """
    prompts, outputs = np.asarray(prompt_tokens, dtype=float), np.asarray(output_tokens, dtype=float)
    if not outputs.any():
        raise InputError("requests: every answer is empty, expected one with a token")
    model = instance.model
    return Demand(
        prompt_tokens=float(prompts.mean()),
        output_tokens=float(outputs.mean()),
        kept_tokens=float(prompts @ outputs / outputs.sum()) + EXPECTED_ANSWER,
        copy_seconds=float(prompts.mean()) * (model.activation_bytes + model.token_bytes) * COPY_SECONDS_PER_BYTE,
        speeds={name: _speeds(name, each, prompts) for name, each in instance.performance.items()},
    )


def _speeds(name: str, performance: Performance, prompts: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Speeds:
    prompt_ms, decode_ms = tables_of(name, performance)
    seconds = np.interp(prompts, *np.array(prompt_ms).T) * 1e-3
    most = min(MOST_DECODES, int(decode_ms[-1][0]))
    decode = np.interp(np.arange(most + 1), *np.array(decode_ms).T) * 1e-3
    decode[1:2] *= 2  # a lone token is as slow as two
    mean = float(seconds.mean())
    return Speeds(mean, float(seconds.var()) / mean**2, tuple(decode.tolist()))
