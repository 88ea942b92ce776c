"""A benchmark from its first run to its last, with as many interruptions between as there may be."""

import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from milp_amp.bench.environment import record
from milp_amp.bench.journal import Entry, Journal
from milp_amp.bench.pool import ClusterPool, LocalPool, Pool
from milp_amp.bench.task import Job, Settings

_SCRATCH = "running"
"""Folder of files that only a run needs; left over by a benchmark that was killed, emptied by the next."""


def run_jobs(
    jobs: Sequence[Job],
    settings: Settings,
    folder: Path,
    *,
    side_by_side: int = 1,
    cluster: str | None = None,
    command: Sequence[str] | None = None,
    invocation: Sequence[str] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> list[Entry]:
    """Run what the folder's journal does not have yet; return the entries of all jobs in their order.

    Parameters
    ----------
    side_by_side
        Runs at a time on this machine.
    cluster
        Address of a Dask scheduler, whose workers run everything instead.
    command
        What runs a task, in the place of ``milp-amp solve``.
    invocation
        The command line that led here, for the record.
    progress
        Called with a line about every run.

    Raises
    ------
    InputError
        If the folder cannot be used or written, or the cluster does not answer. What is in the journal stays.
    """
    with Journal(folder, settings) as journal:
        record(folder, invocation)
        scratch = _emptied(folder / _SCRATCH)
        pool: Pool = LocalPool(side_by_side, scratch, command) if cluster is None else ClusterPool(cluster, command)
        if journal.torn:
            progress(f"{folder}: dropped {journal.torn} bytes of an unfinished last line of the journal")
        try:
            _run(journal, pool, jobs, settings, progress)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return [journal.entries[job.task] for job in jobs]


def _emptied(scratch: Path) -> Path:
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    return scratch.resolve()


def _run(
    journal: Journal, pool: Pool, jobs: Sequence[Job], settings: Settings, progress: Callable[[str], None]
) -> None:
    missing = [job for job in jobs if job.task not in journal.entries]
    done = len(jobs) - len(missing)
    if done:
        progress(f"{journal.folder}: {done} of {len(jobs)} runs are in the journal")
    with closing(pool(missing, settings)) as running:  # at once, also where a traceback would keep it alive
        for finished in running:
            entry = journal.add(finished)
            done += 1
            progress(f"[{done}/{len(jobs)}] {entry.task}: {told(entry)}")


def told(entry: Entry) -> str:
    """Return in a few words what happened to a run."""
    answer, said = entry.answer, f"{entry.happened}{': ' if entry.detail else ''}{entry.detail}"
    if answer is None:
        return said
    value = "" if answer.objective is None else f", {answer.objective:.6g}"
    gap = "" if answer.gap is None else f", gap {100 * answer.gap:.3g} %"
    return f"{said}{value}{gap}, {answer.runtime_s:.3g} s"
