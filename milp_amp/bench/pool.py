"""Where runs are run: side by side on this machine, or on the workers of a Dask cluster."""

import threading
import warnings
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any, Protocol

from joblib import Parallel, delayed

from milp_amp.bench.outcomes import CRASHED, KILLED, Outcome
from milp_amp.bench.process import Finished, execute
from milp_amp.bench.task import Job, Settings
from milp_amp.errors import InputError

RETRIES = 5
"""How often a run is begun anew where Dask itself failed; a lost worker's runs are moved by Dask."""

CONNECT_S = 20
"""Seconds in which a scheduler must answer."""


class Pool(Protocol):
    """Runs jobs in any order, each to its end."""

    def __call__(self, jobs: Sequence[Job], settings: Settings) -> Generator[Finished, None, None]:
        """Yield every job as soon as it is over."""


class LocalPool:
    """Processes on this machine, ``side_by_side`` at a time; they end when nobody asks for the next."""

    def __init__(self, side_by_side: int, scratch: Path, command: Sequence[str] | None = None) -> None:
        self.side_by_side, self.scratch, self.command = side_by_side, scratch, command

    def __call__(self, jobs: Sequence[Job], settings: Settings) -> Generator[Finished, None, None]:
        """Yield every job as soon as it is over."""
        stop = threading.Event()
        # Every run is a process: threads do nothing but wait for them.
        parallel = Parallel(
            self.side_by_side,
            backend="threading",
            return_as="generator_unordered",
            pre_dispatch=self.side_by_side,
            batch_size=1,
        )
        run = delayed(execute)
        finished: Any = parallel(run(job, settings, self.command, str(self.scratch), stop) for job in jobs)
        try:
            # Not ``yield from``, which would close it before the runs are told to stop.
            for each in finished:  # noqa: UP028
                yield each
        finally:
            stop.set()
            with warnings.catch_warnings():  # that runs are given up is what was asked for
                warnings.filterwarnings("ignore", "[0-9]+ tasks ", UserWarning)
                finished.close()


class ClusterPool:
    """The workers of a Dask cluster, a run per thread of theirs; results come back here to be written."""

    def __init__(self, address: str, command: Sequence[str] | None = None) -> None:
        self.address, self.command = address, command
        _require_distributed()

    def __call__(self, jobs: Sequence[Job], settings: Settings) -> Generator[Finished, None, None]:
        """Yield every job as soon as it is over; what is still on its way is given up with the connection."""
        from distributed import Client, as_completed

        try:
            client = Client(self.address, timeout=CONNECT_S)
        except (OSError, ValueError) as failure:
            reason = " ".join(str(failure).split())
            raise InputError(f"{self.address}: {reason}, expected the address of a Dask scheduler") from None
        with client:
            arguments = (settings, self.command)
            futures = {client.submit(_work, job, *arguments, pure=False, retries=RETRIES): job for job in jobs}
            for future in as_completed(list(futures)):
                yield _delivered(future, futures.pop(future))
                future.release()


def _work(job: Job, settings: Settings, command: Sequence[str] | None) -> Finished:
    """Run a job on a worker, in the folder that Dask empties after workers that were killed."""
    from distributed import get_worker

    return execute(job, settings, command, get_worker().local_directory)


def _delivered(future: Any, job: Job) -> Finished:
    """Return what a worker sent, or that every worker which tried it was lost."""
    if future.status in ("cancelled", "lost"):
        raise InputError(f"{job.task}: {future.status} by the cluster, expected a scheduler that stays")
    failure = future.exception()
    if failure is None:
        finished: Finished = future.result()
        return finished
    detail = f"{type(failure).__name__}: {' '.join(str(failure).split())}"
    happened = KILLED if type(failure).__name__ == "KilledWorker" else CRASHED
    return Finished(task=job.task, outcome=Outcome(happened=happened, detail=detail))


def _require_distributed() -> None:
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise InputError("Dask is not installed, expected pip install 'milp-amp[dask]'") from None
