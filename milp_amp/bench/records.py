"""Priced trials as CSV: the columns of a file of trials, and what was predicted of each."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict

from milp_amp.bench.trials import MODEL_COLUMNS, Trial
from milp_amp.bench.validation import Priced
from milp_amp.units import GB


def to_csv(rows: Sequence[Priced]) -> bytes:
    """Return a line per trial, which ``read_trials`` reads as the same trials.

    Columns that few files have, the types of the replicas and the sizes of a model, are there if a trial has them.
    """
    records = [_record(row) for row in rows]
    absent = {column for column in ("replica_types", *MODEL_COLUMNS) if all(each[column] is None for each in records)}
    columns = [column for column in records[0] if column not in absent]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return stream.getvalue().encode()


def _record(row: Priced) -> dict[str, object]:
    return {
        **_asked(row.trial),
        "measured_s": row.trial.measured,
        "predicted_s": row.predicted,
        "measured_memory_GB": _gigabytes(row.trial.memory),
        "predicted_memory_GB": _gigabytes(row.memory),
        "fits": None if row.headroom is None else row.fits,
        "violation": row.violation,
    }


def _asked(trial: Trial) -> dict[str, object]:
    """Return what was run."""
    types = trial.replica_types
    model = dict.fromkeys(MODEL_COLUMNS) if trial.model is None else asdict(trial.model)
    return {
        "tensor_parallel": trial.tensor_parallel,
        "data_parallel": trial.data_parallel,
        "pipeline_parallel": trial.pipeline_parallel,
        "microbatch_size": trial.microbatch_size,
        "global_batch_size": trial.global_batch_size,
        "partition_boundaries": " ".join(map(str, trial.boundaries)),
        "replica_types": None if types is None else " | ".join(map(" ".join, types)),
        **model,
    }


def _gigabytes(size: float | None) -> float | None:
    return None if size is None else size / GB
