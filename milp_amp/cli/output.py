"""Writing to the two standard streams: answers to one, everything else to the other."""

import contextlib
import os
import sys

from milp_amp.errors import InputError


def emit(text: str) -> None:
    """Write an answer to standard output, in UTF-8 whatever the terminal speaks.

    A reader that has gone away, as ``head`` does, is no failure.

    Raises
    ------
    InputError
        If standard output cannot be written, for example on a full disk.
    """
    if sys.stdout is None:  # closed by whoever started us
        return
    try:
        sys.stdout.buffer.write(text.encode(errors="backslashreplace"))
        sys.stdout.flush()
    except BrokenPipeError:
        _discard_output()
    except OSError as failure:
        _discard_output()
        raise InputError(f"standard output: {failure.strerror}, expected a writable place") from None


def complain(message: str) -> None:
    """Write an error to standard error: one line, whatever the message contains."""
    inform(f"milp-amp: error: {' '.join(message.split())}")


def inform(line: str) -> None:
    """Write one line to standard error; a closed terminal is no reason to lose the answer."""
    if sys.stderr is None:  # closed by whoever started us; print would take standard output in its place
        return
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)


def flush() -> None:
    """Leave nothing for the interpreter to flush at its end, where a failure cannot be handled."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        _discard_output()


def _discard_output() -> None:
    # The buffer still holds what could not be written; the interpreter would try again at its end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
