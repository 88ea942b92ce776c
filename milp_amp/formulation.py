"""Formulations are plug-ins: a name, an entry point, one function."""

from importlib.metadata import EntryPoint, entry_points
from typing import Protocol

from milp_amp.bounds.prepass import Prepass
from milp_amp.engine.limits import Limits
from milp_amp.errors import FormulationError
from milp_amp.plan.result import Result
from milp_amp.problem.instance import Instance

GROUP = "milp_amp.formulations"


class Formulation(Protocol):
    """A way to answer an instance. Stateless: same arguments and seed, same result."""

    def __call__(self, instance: Instance, bounds: Prepass, limits: Limits) -> Result:
        """Search for the best plan under ``bounds.costs`` within ``limits``."""


def names() -> tuple[str, ...]:
    """Return the names of all installed formulations, sorted."""
    return tuple(sorted(_entry_points()))


def load(name: str) -> Formulation:
    """Return the named formulation.

    Raises
    ------
    FormulationError
        If it is not installed or cannot be imported.
    """
    found = _entry_points()
    if name not in found:
        raise FormulationError(f"no formulation {name!r}, expected one of {', '.join(sorted(found))}")
    try:
        formulation: Formulation = found[name].load()
    except ImportError as failure:
        raise FormulationError(f"formulation {name!r} cannot be imported: {failure}") from failure
    return formulation


def _entry_points() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}
