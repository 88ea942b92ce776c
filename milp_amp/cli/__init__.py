"""The command line: ``milp-amp``. The only room that prints.

Nothing large is imported before ``main`` runs: Ctrl-C during an import is an interruption like any other.
"""

import io
import sys
from collections.abc import Sequence

from milp_amp.cli import exit_codes
from milp_amp.cli.output import complain, flush, inform


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; whatever fails is one line on standard error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name in a file must not break a report
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        complain("interrupted")
        return exit_codes.INTERRUPTED
    except Exception as failure:
        if "--debug" in arguments:
            import traceback

            inform(traceback.format_exc().rstrip())
        complain(exit_codes.describe(failure))
        return exit_codes.of_failure(failure)
    finally:
        flush()


def _run(arguments: list[str]) -> int:
    from milp_amp.cli.parser import build_parser

    options = build_parser().parse_args(arguments)
    code: int = options.run(options)
    return code
