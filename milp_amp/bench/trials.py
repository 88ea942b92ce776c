"""Measured trials: which plan each one ran, how long it took, and what it needed."""

import csv
import io
import math
import os
from dataclasses import dataclass
from typing import NoReturn

from milp_amp.errors import InputError
from milp_amp.problem.files import read_bytes
from milp_amp.units import GB

COLUMNS = (
    "tensor_parallel",
    "data_parallel",
    "pipeline_parallel",
    "microbatch_size",
    "partition_boundaries",
    "measured_s",
)
"""What every file of trials has."""

MOST_DIGITS = 12
"""Of a count: more are a mistake."""

MODEL_COLUMNS = ("hidden_size", "heads", "layers", "sequence_length")
"""All or none: a GPT of that shape was trained in the place of the instance's model."""


@dataclass(frozen=True, kw_only=True)
class Gpt:
    """The model of a trial that brings its own."""

    hidden_size: int
    heads: int
    layers: int
    sequence_length: int


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One measured plan.

    Attributes
    ----------
    boundaries
        Layer at which every stage begins, and at last the number of layers.
    measured
        Seconds of a step; ``None`` where it did not run.
    memory
        Peak bytes of the fullest device, ``None`` where not measured.
    global_batch_size
        Sequences per step, where it is not the instance's.
    replica_types
        Device type of every replica, stage by stage; ``None``: whatever rank order gives.
    model
        The model that was trained, where it is not the instance's.
    """

    tensor_parallel: int
    data_parallel: int
    pipeline_parallel: int
    microbatch_size: int
    boundaries: tuple[int, ...]
    measured: float | None
    memory: float | None = None
    global_batch_size: int | None = None
    replica_types: tuple[tuple[str, ...], ...] | None = None
    model: Gpt | None = None


def read_trials(path: str | os.PathLike[str]) -> tuple[Trial, ...]:
    """Read trials from CSV.

    Raises
    ------
    InputError
        If a column is missing or a value malformed; the message names the line.
    """
    try:
        text = read_bytes(path, InputError).decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text), strict=True)
        _check_columns(f"{path}", tuple(reader.fieldnames or ()))
        trials = tuple(_Line(f"{path}: line {reader.line_num}", row).trial() for row in reader)
    except (UnicodeDecodeError, csv.Error) as failure:
        raise InputError(f"{path}: not CSV in UTF-8: {failure}") from None
    if not trials:
        raise InputError(f"{path}: no trials, expected at least one line below the head")
    return trials


def _check_columns(path: str, columns: tuple[str, ...]) -> None:
    if missing := [column for column in COLUMNS if column not in columns]:
        raise InputError(f"{path}: column {missing[0]!r} is missing, expected {', '.join(COLUMNS)}")
    absent = [column for column in MODEL_COLUMNS if column not in columns]
    if absent and len(absent) < len(MODEL_COLUMNS):
        raise InputError(f"{path}: column {absent[0]!r} is missing, expected all of {', '.join(MODEL_COLUMNS)} or none")


def _is_count(text: str) -> bool:
    """Whether a text is digits, few enough to be converted at all."""
    return text.isdecimal() and len(text) <= MOST_DIGITS


@dataclass(frozen=True)
class _Line:
    """One line of the file, and where it stands."""

    where: str
    row: dict[str, str | None]

    def trial(self) -> Trial:
        """Return what the line says."""
        p, d = self._count("pipeline_parallel"), self._count("data_parallel")
        boundaries = tuple(map(self._boundary, self._text("partition_boundaries").split()))
        if len(boundaries) != p + 1:
            self._refuse(
                f"partition_boundaries has {len(boundaries)} numbers, expected {p + 1} (pipeline_parallel + 1)"
            )
        memory = self._positive("measured_memory_GB", "gigabytes > 0, or nothing")
        return Trial(
            tensor_parallel=self._count("tensor_parallel"),
            data_parallel=d,
            pipeline_parallel=p,
            microbatch_size=self._count("microbatch_size"),
            boundaries=boundaries,
            measured=self._positive("measured_s", "seconds > 0, or nothing if it did not run"),
            memory=None if memory is None else memory * GB,
            global_batch_size=self._count("global_batch_size") if self._text("global_batch_size") else None,
            replica_types=self._types(d, p),
            model=Gpt(**{name: self._count(name) for name in MODEL_COLUMNS}) if "heads" in self.row else None,
        )

    def _text(self, column: str) -> str:
        return (self.row.get(column) or "").strip()

    def _count(self, column: str) -> int:
        text = self._text(column)
        if not _is_count(text) or not 1 <= int(text) <= 10**9:
            self._refuse(f"{column} = {self.row.get(column)!r}, expected an integer > 0")
        return int(text)

    def _boundary(self, word: str) -> int:
        if not _is_count(word):
            self._refuse(f"partition_boundaries has {word!r}, expected integers")
        return int(word)

    def _positive(self, column: str, expected: str) -> float | None:
        text = self._text(column)
        if not text:
            return None
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not 0 < value < math.inf:
            self._refuse(f"{column} = {self.row[column]!r}, expected {expected}")
        return value

    def _types(self, replicas: int, stages: int) -> tuple[tuple[str, ...], ...] | None:
        """Read ``A B | A B``: device types of the replicas, stages apart."""
        if not (text := self._text("replica_types")):
            return None
        types = tuple(tuple(stage.split()) for stage in text.split("|"))
        if [len(stage) for stage in types] != [replicas] * stages:
            self._refuse(
                f"replica_types = {text!r}, expected {stages} stages of {replicas} device types, as in 'A B | A B'"
            )
        return types

    def _refuse(self, complaint: str) -> NoReturn:
        raise InputError(f"{self.where}: {complaint}")
