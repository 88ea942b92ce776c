"""The memory of a benchmark: a line for every run that is over, safe against whatever ends the benchmark."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from milp_amp.bench.outcomes import Answer
from milp_amp.bench.process import Finished
from milp_amp.bench.task import Settings, Task
from milp_amp.errors import InputError
from milp_amp.problem.files import read_json, to_json, write_atomically

JOURNAL, SETTINGS, RESULTS = "journal.jsonl", "settings.json", "results"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a run; its plan is in the file of results that has its task's name."""

    task: Task
    happened: str
    detail: str = ""
    wall_s: float = 0.0
    memory_GiB: float = 0.0
    machine: str = ""
    answer: Answer | None = None


def read_entries(folder: Path) -> dict[Task, Entry]:
    """Return the entries of a benchmark, also of one that is under way.

    Raises
    ------
    InputError
        If there is none, or a line other than the last cannot be read.
    """
    try:
        text = (folder / JOURNAL).read_bytes()
    except OSError as failure:
        raise InputError(f"{folder / JOURNAL}: {failure.strerror}, expected what a benchmark has left there") from None
    return {entry.task: entry for entry in _entries(folder, text[: text.rfind(b"\n") + 1])}


def _entries(folder: Path, text: bytes) -> Iterator[Entry]:
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            yield msgspec.json.decode(line, type=Entry)
        except (msgspec.DecodeError, UnicodeDecodeError) as failure:
            where = f"{folder / JOURNAL}: line {number}"
            raise InputError(f"{where}: {' '.join(str(failure).split())}, expected an entry of a benchmark") from None


class Journal:
    """A folder of results that one benchmark at a time writes to.

    Attributes
    ----------
    entries
        Of the runs that are over.
    torn
        Bytes of a last line that somebody was killed in the middle of, dropped.

    Raises
    ------
    InputError
        If the folder cannot be written, is in use, or holds runs under other settings.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder = folder
        try:
            (folder / RESULTS).mkdir(parents=True, exist_ok=True)
            self._file = (folder / JOURNAL).open("ab", buffering=0)
        except OSError as failure:
            raise InputError(f"{folder}: {failure.strerror}, expected a writable folder") from None
        try:
            self._lock()
            self._check(settings)
            self.entries = read_entries(folder)
            self.torn = self._drop_torn_line()
        except BaseException:
            self._file.close()
            raise

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # ends with the process, however that ends
        except OSError:
            raise InputError(f"{self.folder}: in use by another benchmark, expected a folder of its own") from None

    def _check(self, settings: Settings) -> None:
        file = self.folder / SETTINGS
        if not file.exists():
            write_atomically(file, to_json(settings))
        elif (before := read_json(file, Settings, InputError)) != settings:
            was, now = (spelled(each) for each in (before, settings))
            raise InputError(f"{self.folder}: its runs had {was}, expected the same in place of {now}, or a new folder")

    def _drop_torn_line(self) -> int:
        text = (self.folder / JOURNAL).read_bytes()
        whole = text.rfind(b"\n") + 1
        if whole < len(text):
            os.ftruncate(self._file.fileno(), whole)
        return len(text) - whole

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, finished: Finished) -> Entry:
        """Keep a run: first its result, then its line, so that a run with a line has a result.

        Raises
        ------
        InputError
            If it cannot be written; then the run is not in the journal, and will be repeated.
        """
        outcome, task = finished.outcome, finished.task
        if finished.result:
            write_atomically(self.folder / RESULTS / f"{task.name}.json", finished.result)
        entry = Entry(
            task=task,
            happened=outcome.happened,
            detail=outcome.detail,
            wall_s=finished.wall_s,
            memory_GiB=finished.memory_GiB,
            machine=finished.machine,
            answer=outcome.answer,
        )
        self._append(msgspec.json.encode(entry) + b"\n")
        self.entries[task] = entry
        return entry

    def _append(self, line: bytes) -> None:
        before = os.fstat(self._file.fileno()).st_size
        try:
            if self._file.write(line) != len(line):  # the last bytes that had room
                raise OSError(0, "the disk is full")
            os.fsync(self._file.fileno())
        except OSError as failure:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file.fileno(), before)
            raise InputError(f"{self.folder / JOURNAL}: {failure.strerror}, expected a writable place") from None


def spelled(settings: Settings) -> str:
    """Return settings in words."""
    said: dict[str, float | None] = msgspec.structs.asdict(settings)
    return ", ".join(f"{name} {'none' if value is None else format(value, 'g')}" for name, value in said.items())
