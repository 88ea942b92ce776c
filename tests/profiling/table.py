"""A bench without a device: times that are known beforehand, and an end where a test wants one."""

import itertools
import json
from collections.abc import Sequence
from pathlib import Path

from milp_amp.problem.shape import ModelShape
from milp_amp.profiling.bench import Held, OutOfMemoryError, Part, Pass
from milp_amp.profiling.request import Request

FORWARD = {"embedding": 1.0, "transformer": 10.0, "head": 5.0}
"""Milliseconds of one sequence; backward takes three times as long, an update a tenth."""

SLOW = 1000.0
"""What the first passes of every series take."""

CONFIG = {
    "model_type": "llama",
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 48,
    "vocab_size": 64,
    "max_position_embeddings": 64,
}


def shape(**fields: object) -> ModelShape:
    usual = {"name": "tiny", "layers": 2, "hidden_size": 32, "heads": 4, "key_value_heads": 2, "head_size": 8}
    usual |= {"ffn_size": 48, "gated": True, "vocabulary": 64}
    return ModelShape(**{**usual, **fields})


def request(*sizes: int, **fields: object) -> Request:
    usual = {"shape": shape(), "sequence": 16, "torch_device": "cpu", "precision": "float32", "warm_up": 1}
    return Request(**{**usual, "microbatch_sizes": sizes or (1, 2), "repetitions": 3, **fields})


def config(folder: Path, **fields: object) -> Path:
    """Write the tiny model's configuration."""
    file = folder / "tiny.json"
    file.write_text(json.dumps({**CONFIG, **fields}))
    return file


class TableBench:
    """Slow for the first ``warm_up`` passes, then around the known time with one outlier.

    ``largest`` is the largest microbatch that fits; passes of ``interrupted_at`` are ended by Ctrl-C.
    """

    machine = "table"
    software = "arithmetic 1.0"

    def __init__(self, warm_up: int = 1, largest: int = 10**9, interrupted_at: int = 0, counts: bool = True) -> None:
        self.warm_up, self.largest, self.interrupted_at, self.counts = warm_up, largest, interrupted_at, counts
        self.calls: list[tuple[str, int]] = []

    def passes(self, part: Part, microbatch_size: int, runs: int) -> Sequence[Pass]:
        self.calls.append((part, microbatch_size))
        if microbatch_size == self.interrupted_at and part == "head":
            raise KeyboardInterrupt
        if microbatch_size > self.largest:
            raise OutOfMemoryError
        return [Pass(time, 3 * time) for time in self._series(FORWARD[part] * microbatch_size, runs)]

    def updates(self, part: Part, runs: int) -> Sequence[float]:
        return self._series(FORWARD[part] / 10, runs)

    def held(self, part: Part, microbatch_size: int) -> Held:
        stored = FORWARD[part] * 1e6 * microbatch_size
        return Held(stored, 2 * stored if self.counts else None)

    def _series(self, time: float, runs: int) -> list[float]:
        found = [SLOW] * self.warm_up + [50 * time, time, time]
        return list(itertools.islice(itertools.chain(found, itertools.repeat(time)), runs))
