"""What a search for served tokens is given: requests, and somebody who simulates."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from milp_amp.plan.placement import Placement


@dataclass(frozen=True)
class Trial:
    """One simulation of a placement.

    Attributes
    ----------
    tokens_per_s
        Output tokens.
    token_s
        Mean seconds of one.
    refused
        Part of the requests that no machine admitted.
    """

    tokens_per_s: float
    token_s: float
    refused: float


@dataclass(frozen=True, kw_only=True)
class ServiceQuestion:
    """What is to be served.

    Attributes
    ----------
    prompt_tokens, output_tokens
        Of every request.
    simulate
        Serves a placement; runs differ in the order of the requests. They are others than those a result is judged by.
    most_token_s
        Mean seconds that an output token may take; ``inf`` for any.
    restarts
        Independent searches; ``None`` for as many as a formulation thinks right.
    """

    prompt_tokens: tuple[int, ...]
    output_tokens: tuple[int, ...]
    simulate: Callable[[Placement, int], Trial]
    most_token_s: float = math.inf
    restarts: int | None = None
