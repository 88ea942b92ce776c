"""One run as a process of its own, with limits that are enforced from outside."""

import contextlib
import errno
import os
import platform
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import msgspec
import psutil

from milp_amp.bench import leash
from milp_amp.bench.outcomes import CRASHED, DISK_FULL, DOES_NOT_FIT, MEMORY, TIME_LIMIT, Outcome, outcome_of
from milp_amp.bench.task import NO_COST_MODEL, Job, Settings, Task
from milp_amp.units import GiB

GRACE_S, GRACE_SHARE = 10.0, 0.1
"""Seconds, and a part of the time limit, for starting, checking and writing: later a run is killed."""

_WATCH_S = 0.05


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """A run that is over.

    Attributes
    ----------
    wall_s
        Of the process, start of the interpreter included.
    memory_GiB
        The most resident memory that was seen.
    result
        What it wrote, byte for byte; empty where it wrote nothing.
    """

    task: Task
    outcome: Outcome
    wall_s: float = 0.0
    memory_GiB: float = 0.0
    machine: str = ""
    result: bytes = b""


class Stopped(Exception):
    """The benchmark was interrupted while this run was on its way."""


def execute(
    job: Job,
    settings: Settings,
    command: Sequence[str] | None = None,
    scratch: str | None = None,
    stop: threading.Event | None = None,
) -> Finished:
    """Run a task and say what happened, whatever that is.

    Parameters
    ----------
    command
        In the place of ``milp-amp solve``, which is that of the Python that runs this, wherever it is.
    scratch
        Where files are put that nobody needs afterwards; the system's place for them by default.
    stop
        Ends the run when it is set.

    Raises
    ------
    Stopped
        If ``stop`` was set before the run was over.
    """
    if job.refusal:
        return Finished(task=job.task, outcome=Outcome(happened=DOES_NOT_FIT, detail=job.refusal))
    try:
        with tempfile.TemporaryDirectory(dir=scratch, prefix="milp-amp-bench-", ignore_cleanup_errors=True) as folder:
            started = command or (sys.executable, "-m", "milp_amp", "solve")
            return _execute(job, settings, started, Path(folder), stop or threading.Event())
    except OSError as failure:  # a full disk, a command that is gone: nothing the solver did
        return Finished(task=job.task, outcome=_unwritten(failure), machine=platform.node())


def _unwritten(failure: OSError) -> Outcome:
    happened = DISK_FULL if failure.errno in (errno.ENOSPC, errno.EDQUOT) else CRASHED
    return Outcome(happened=happened, detail=f"{failure.filename or 'the run'}: {failure.strerror or failure}")


def _execute(job: Job, settings: Settings, command: Sequence[str], folder: Path, stop: threading.Event) -> Finished:
    file = f"{job.task.instance.rpartition('/')[2]}.json"
    (folder / file).write_bytes(job.content)
    output = folder / "output" / "result.json"
    output.parent.mkdir()
    arguments = [*command, file, *_options(job.task, settings), "--format", "json", "--output", str(output)]
    watched = _Watched(arguments, settings, folder)
    ended = watched.wait(stop)
    result = output.read_bytes() if output.exists() else None
    return Finished(
        task=job.task,
        outcome=ended or outcome_of(watched.process.returncode, result, watched.last_line),
        wall_s=watched.elapsed,
        memory_GiB=watched.most_memory / GiB,
        machine=platform.node(),
        result=result or b"",
    )


def _options(task: Task, settings: Settings) -> list[str]:
    options = ["--formulation", task.formulation, "--seed", str(task.seed), "--threads", str(settings.threads)]
    if task.cost_model != NO_COST_MODEL:
        options += ["--cost-model", task.cost_model]
    if settings.time_limit is not None:
        options += ["--time-limit", repr(settings.time_limit)]
    return options


class _Watched:
    """A process on a leash, and what is known about it from outside."""

    def __init__(self, arguments: Sequence[str], settings: Settings, folder: Path) -> None:
        self.settings = settings
        self.most_memory = 0
        self._began = time.perf_counter()
        self.elapsed = 0.0
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", leash.__file__, str(os.getpid()), *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,  # no file: what it says of a full disk must not be lost to it
            env=_environment(settings.threads),
            start_new_session=True,  # a group of its own, so that all of it can be killed
        )
        self._said: deque[bytes] = deque(maxlen=1)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stream:
            self._said.extend(line for line in stream if line.strip())

    @property
    def last_line(self) -> str:
        """The last line of standard error that says something."""
        said = self._said[-1].decode(errors="replace") if self._said else ""
        return " ".join(said.split()).removeprefix("milp-amp: error: ")

    def wait(self, stop: threading.Event) -> Outcome | None:
        """Wait for the end; return why the process was killed, or ``None`` where it ended without us."""
        try:
            while True:
                self.elapsed = time.perf_counter() - self._began
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(_WATCH_S)
                    self.elapsed = time.perf_counter() - self._began
                    return None
                if stop.is_set():
                    raise Stopped
                if (broken := self._broken_limit()) is not None:
                    return broken
        finally:
            self._kill()

    def _broken_limit(self) -> Outcome | None:
        limit, memory = self.settings.time_limit, self.settings.memory_limit_GiB
        with contextlib.suppress(psutil.Error):
            self.most_memory = max(self.most_memory, psutil.Process(self.process.pid).memory_info().rss)
        if memory is not None and self.most_memory > memory * GiB:
            return Outcome(happened=MEMORY, detail=f"{self.most_memory / GiB:.3g} GiB, limit {memory:g} GiB")
        if limit is not None and self.elapsed > limit + GRACE_S + GRACE_SHARE * limit:
            return Outcome(happened=TIME_LIMIT, detail=f"killed after {self.elapsed:.1f} s, limit {limit:g} s")
        return None

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._listener.join()


def _environment(threads: int) -> dict[str, str]:
    """Keep numerical libraries from starting threads of their own beside those a run may use."""
    return os.environ | {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
