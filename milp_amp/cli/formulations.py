"""Show what is installed, what each formulation proves, and which solvers answer."""

import argparse
import inspect
from collections.abc import Callable

from milp_amp.cli import exit_codes
from milp_amp.cli.output import emit
from milp_amp.view.table import table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: the command has no options of its own."""


def run(options: argparse.Namespace) -> int:
    """Import every formulation and ask every solver."""
    from milp_amp.engine.probe import probe_solvers
    from milp_amp.formulation import names
    from milp_amp.solving.serving import serving_names

    formulations = [(name, _first_line(name)) for name in names()]
    serving = [(name, _serving_line(name)) for name in serving_names()]
    solvers = [(probe.solver, probe.package, probe.failure or "answers") for probe in probe_solvers()]
    emit(table(("formulation", "what it is"), formulations) + "\n")
    emit(table(("serving", "what it is"), serving) + "\n")
    emit(table(("solver", "package", "state"), solvers))
    return exit_codes.SUCCESS


def _first_line(name: str) -> str:
    """Return the first line of the formulation's module, or why it cannot be had."""
    from milp_amp.formulation import load

    return _described(lambda: load(name))


def _serving_line(name: str) -> str:
    from milp_amp.solving.serving import load_serving

    return _described(lambda: load_serving(name))


def _described(load: Callable[[], object]) -> str:
    try:
        module = inspect.getmodule(load())
    except Exception as failure:  # a broken plug-in is a row, not the end
        return f"unusable: {exit_codes.describe(failure)}"
    return (inspect.getdoc(module) or "no description").splitlines()[0]
