"""The requests that a simulation serves: tokens of their prompts and answers, and when they arrive."""

import csv
import io
import math
import os
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from milp_amp.errors import InputError
from milp_amp.problem.files import read_bytes
from milp_amp.problem.serving import Requests

MOST_DIGITS = 9
"""Of a count of tokens: more are a mistake."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """What is served, and for how long.

    Attributes
    ----------
    prompt_tokens, output_tokens
        Of every request; each output token is one pass through all layers.
    arrivals
        Seconds at which the requests arrive. ``None``: offline, a request follows another as long as the caches have
        room, and after the last of the list comes the first again.
    warm_up_s, measured_s
        Seconds before the window in which everything is counted, and of this window.
    seed
        Of the order in which requests without arrivals are taken; 0 keeps the order of the list.
    """

    prompt_tokens: tuple[int, ...]
    output_tokens: tuple[int, ...]
    arrivals: tuple[float, ...] | None = None
    warm_up_s: float = 60.0
    measured_s: float = 600.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.prompt_tokens:
            raise InputError("load: no requests, expected at least one")
        for name in ("output_tokens", "arrivals"):
            numbers = getattr(self, name)
            if numbers is not None and len(numbers) != len(self.prompt_tokens):
                raise InputError(f"load: {len(numbers)} {name}, expected {len(self.prompt_tokens)}, one per request")
        if min(self.prompt_tokens) < 1 or min(self.output_tokens) < 0:
            raise InputError("load: expected prompts of at least one token and answers of no less than none")
        if self.arrivals is not None and not all(0 <= arrival < math.inf for arrival in self.arrivals):
            raise InputError("load: arrivals, expected seconds >= 0")
        if not 0 <= self.warm_up_s < math.inf or not 0 < self.measured_s < math.inf:
            raise InputError(f"load: {self.warm_up_s} and {self.measured_s} seconds, expected >= 0 and > 0")

    @property
    def end_s(self) -> float:
        """Seconds until the end of the window."""
        return self.warm_up_s + self.measured_s


DRAWN = 3000
"""Requests that are drawn."""


def drawn_load(requests: Requests) -> Load:
    """Return requests of which only the means are known: lengths as random as a mean allows (geometric)."""
    dice = np.random.default_rng(0)
    prompts = dice.geometric(1 / max(1.0, requests.mean_prompt_tokens), DRAWN)
    outputs = dice.geometric(1 / max(1.0, requests.mean_output_tokens), DRAWN)
    return Load(prompt_tokens=tuple(prompts.tolist()), output_tokens=tuple(outputs.tolist()))


def load_from(path: str | os.PathLike[str]) -> Load:
    """Read requests from CSV with columns ``prompt_tokens``, ``output_tokens`` and, if they arrive, ``arrival_s``.

    Raises
    ------
    InputError
        If a column is missing or a value malformed; the message names the line.
    """
    try:
        reader = csv.DictReader(io.StringIO(read_bytes(path, InputError).decode("utf-8-sig")), strict=True)
        columns = tuple(reader.fieldnames or ())
        for column in ("prompt_tokens", "output_tokens"):
            if column not in columns:
                raise InputError(f"{path}: column {column!r} is missing, expected prompt_tokens, output_tokens")
        rows = [_row(f"{path}: line {reader.line_num}", row) for row in reader]
    except (UnicodeDecodeError, csv.Error) as failure:
        raise InputError(f"{path}: not CSV in UTF-8: {failure}") from None
    if not rows:
        raise InputError(f"{path}: no requests, expected at least one line below the head")
    prompts, outputs, arrivals = zip(*rows, strict=True)
    return Load(prompt_tokens=prompts, output_tokens=outputs, arrivals=arrivals if "arrival_s" in columns else None)


def _row(where: str, row: dict[str, str | None]) -> tuple[int, int, float]:
    return (
        _count(where, "prompt_tokens", row),
        _count(where, "output_tokens", row),
        _seconds(where, row) if "arrival_s" in row else 0.0,
    )


def _count(where: str, column: str, row: dict[str, str | None]) -> int:
    text = (row[column] or "").strip()
    if not (text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS and int(text) > 0):
        _refuse(where, column, row, "an integer > 0")
    return int(text)


def _seconds(where: str, row: dict[str, str | None]) -> float:
    try:
        value = float(row["arrival_s"] or "")
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        _refuse(where, "arrival_s", row, "seconds >= 0")
    return value


def _refuse(where: str, column: str, row: dict[str, str | None], expected: str) -> NoReturn:
    raise InputError(f"{where}: {column} = {row[column]!r}, expected {expected}")
