"""Starts a command that ends with whoever started it: ``leash.py PARENT COMMAND…``, run as a file of its own.

A benchmark that is killed cannot end its runs any more; they would go on, and slow down those of the next attempt.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
"""Linux, ``prctl(2)``: the signal this process gets when the one that started it ends; it outlives ``exec``."""


def main() -> None:
    """Become the command, unless the parent is gone already."""
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):
        return
    try:
        os.execvp(command[0], command)
    except OSError as failure:
        sys.exit(f"{command[0]}: {failure.strerror}")


if __name__ == "__main__":
    main()
