"""Finds how to train a large model on the machines one really has, and proves how good its answer is.

>>> import milp_amp
>>> result = milp_amp.solve(milp_amp.read("instance.json"), time_limit=60)  # doctest: +SKIP

Names are imported when they are first used: importing the package loads no solver.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from milp_amp.errors import (
        Discrepancy,
        EngineError,
        FormulationError,
        InputError,
        InstanceError,
        MilpAmpError,
        PlanError,
    )
    from milp_amp.evaluate.evaluation import Evaluation
    from milp_amp.evaluate.judge import evaluate
    from milp_amp.formulation import names
    from milp_amp.plan.files import read_strategy
    from milp_amp.plan.result import Result, Status
    from milp_amp.plan.strategy import Stage, Strategy
    from milp_amp.problem.files import read
    from milp_amp.problem.instance import Instance
    from milp_amp.solve import solve

__all__ = [
    "Discrepancy",
    "EngineError",
    "Evaluation",
    "FormulationError",
    "InputError",
    "Instance",
    "InstanceError",
    "MilpAmpError",
    "PlanError",
    "Result",
    "Stage",
    "Status",
    "Strategy",
    "evaluate",
    "names",
    "read",
    "read_strategy",
    "solve",
]

_HOMES = {
    "Evaluation": "milp_amp.evaluate.evaluation",
    "Instance": "milp_amp.problem.instance",
    "Result": "milp_amp.plan.result",
    "Stage": "milp_amp.plan.strategy",
    "Status": "milp_amp.plan.result",
    "Strategy": "milp_amp.plan.strategy",
    "evaluate": "milp_amp.evaluate.judge",
    "names": "milp_amp.formulation",
    "read": "milp_amp.problem.files",
    "read_strategy": "milp_amp.plan.files",
    "solve": "milp_amp.solve",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES.get(name, "milp_amp.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Front(ModuleType):
    """The package itself: ``solve`` and ``evaluate`` are functions here, although rooms bear their names.

    The import system would put a room in place of the function when it is first entered.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if not (isinstance(value, ModuleType) and name in _HOMES):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Front
