"""Formulations are plug-ins: a name, an entry point, one function."""

from typing import Protocol

from milp_amp.bounds.prepass import Prepass
from milp_amp.engine.limits import Limits
from milp_amp.plan.result import Result
from milp_amp.plugins import installed, load_from
from milp_amp.problem.instance import Instance

GROUP = "milp_amp.formulations"


class Formulation(Protocol):
    """A way to answer an instance. Stateless: same arguments and seed, same result."""

    def __call__(self, instance: Instance, bounds: Prepass, limits: Limits) -> Result:
        """Search for the best plan under ``bounds.costs`` within ``limits``."""


def names() -> tuple[str, ...]:
    """Return the names of all installed formulations, sorted."""
    return installed(GROUP)


def load(name: str) -> Formulation:
    """Return the named formulation.

    Raises
    ------
    FormulationError
        If it is not installed or cannot be imported.
    """
    formulation: Formulation = load_from(GROUP, name, "formulation")
    return formulation
