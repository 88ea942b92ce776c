"""What happened to a run, in a few words and one line."""

import re
import signal

import msgspec

from milp_amp.plan.result import Status, TracePoint

TIME_LIMIT, MEMORY, KILLED, CRASHED = "time limit", "memory", "killed", "crashed"
BAD_INPUT, CLAIM_FAILED, DISK_FULL, DOES_NOT_FIT = "bad input", "claim failed", "disk full", "does not fit"

_ANSWERED = (0, 10, 11, 12)
_REFUSED = {20: BAD_INPUT, 31: CLAIM_FAILED}
"""Exit codes of ``milp-amp solve``; any other is a crash."""

_OUT_OF_MEMORY = re.compile(r"MemoryError|bad_alloc|Cannot allocate memory|out of memory", re.IGNORECASE)
_DISK_FULL = re.compile(r"No space left on device|Disk quota exceeded")


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a benchmark reads of a result, about training or about serving."""

    status: Status
    objective: float | None
    bound: float | None
    gap: float | None
    runtime_s: float
    verified: bool
    trace: tuple[TracePoint, ...] = ()

    @property
    def answers(self) -> bool:
        """Whether there is a verified plan, or a proof that there is none."""
        return self.verified or self.status is Status.INFEASIBLE


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What happened: the status of the answer, or one of the words above, and what there is to say about it."""

    happened: str
    detail: str = ""
    answer: Answer | None = None


def outcome_of(exit_code: int, result: bytes | None, last_line: str) -> Outcome:
    """Return what happened to a process that ended by itself, or was ended by somebody else.

    Parameters
    ----------
    exit_code
        Negative for a signal, as ``subprocess`` has it.
    result
        The file it was asked to write, ``None`` where there is none.
    last_line
        Of its standard error.
    """
    if exit_code < 0:
        return _signalled(-exit_code, last_line)
    if exit_code in _ANSWERED and result is not None:
        return _answered(result)
    if _DISK_FULL.search(last_line):
        return Outcome(happened=DISK_FULL, detail=last_line)
    if exit_code in _REFUSED:
        return Outcome(happened=_REFUSED[exit_code], detail=last_line)
    if _OUT_OF_MEMORY.search(last_line):
        return Outcome(happened=MEMORY, detail=last_line)
    return Outcome(happened=CRASHED, detail=f"exit code {exit_code}: {last_line or 'it said nothing'}")


def _signalled(number: int, last_line: str) -> Outcome:
    if _OUT_OF_MEMORY.search(last_line):
        return Outcome(happened=MEMORY, detail=last_line)
    try:
        name = f" ({signal.Signals(number).name})"
    except ValueError:
        name = ""
    return Outcome(happened=KILLED, detail=f"signal {number}{name}{': ' if last_line else ''}{last_line}")


def _answered(result: bytes) -> Outcome:
    try:
        answer = msgspec.json.decode(result, type=Answer)
    except (msgspec.DecodeError, UnicodeDecodeError) as failure:
        return Outcome(happened=CRASHED, detail=f"a result that cannot be read: {' '.join(str(failure).split())}")
    return Outcome(happened=answer.status.value, answer=answer)
