"""Measured trials: which plan each one ran, and how long it took."""

import csv
import io
import math
import os
from dataclasses import dataclass

from milp_amp.errors import InputError, PlanError
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.files import read_bytes
from milp_amp.problem.instance import Instance
from milp_amp.space.rank_order import stages

COLUMNS = (
    "tensor_parallel",
    "data_parallel",
    "pipeline_parallel",
    "microbatch_size",
    "partition_boundaries",
    "measured_s",
)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One measured plan: degrees and boundaries; ``measured`` is ``None`` where it did not run."""

    tensor_parallel: int
    data_parallel: int
    pipeline_parallel: int
    microbatch_size: int
    boundaries: tuple[int, ...]
    measured: float | None


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
        if missing := [column for column in COLUMNS if column not in (reader.fieldnames or ())]:
            raise InputError(f"{path}: column {missing[0]!r} is missing, expected {', '.join(COLUMNS)}")
        trials = tuple(_trial(f"{path}: line {reader.line_num}", row) for row in reader)
    except (UnicodeDecodeError, csv.Error) as failure:
        raise InputError(f"{path}: not CSV in UTF-8: {failure}") from None
    if not trials:
        raise InputError(f"{path}: no trials, expected at least one line below the head")
    return trials


def _trial(where: str, row: dict[str, str | None]) -> Trial:
    degrees = {column: _count(where, column, row[column]) for column in COLUMNS[:4]}
    boundaries = tuple(_boundary(where, word) for word in (row["partition_boundaries"] or "").split())
    if len(boundaries) != degrees["pipeline_parallel"] + 1:
        raise InputError(
            f"{where}: partition_boundaries has {len(boundaries)} numbers, "
            f"expected {degrees['pipeline_parallel'] + 1} (pipeline_parallel + 1)"
        )
    return Trial(**degrees, boundaries=boundaries, measured=_seconds(where, row["measured_s"]))


def _count(where: str, column: str, text: str | None) -> int:
    if not (text or "").strip().isdecimal() or not 1 <= int(text or "") <= 10**9:
        raise InputError(f"{where}: {column} = {text!r}, expected an integer > 0")
    return int(text or "")


def _boundary(where: str, word: str) -> int:
    if not word.isdecimal():
        raise InputError(f"{where}: partition_boundaries has {word!r}, expected integers")
    return int(word)


def _seconds(where: str, text: str | None) -> float | None:
    if not (text or "").strip():
        return None
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise InputError(f"{where}: measured_s = {text!r}, expected seconds > 0, or nothing if it did not run")
    return value


def rank_order_strategy(instance: Instance, trial: Trial) -> Strategy:
    """Place a trial as launchers do by default: tensor ranks side by side, then replicas, then stages.

    Rank ``k + t r + t d s`` is tensor index ``k`` of replica ``r`` of stage ``s``; ranks fill the nodes in the
    order of the file.

    Raises
    ------
    PlanError
        If the trial needs more devices than there are.
    """
    t, d, p = trial.tensor_parallel, trial.data_parallel, trial.pipeline_parallel
    if t * d * p > instance.cluster.num_devices:
        raise PlanError(f"{t * d * p} ranks, expected at most {instance.cluster.num_devices} (devices)")
    return Strategy(
        microbatch_size=trial.microbatch_size,
        data_parallel=d,
        schedule=instance.workload.schedule,
        stages=stages(instance.cluster, t, d, trial.boundaries),
    )
