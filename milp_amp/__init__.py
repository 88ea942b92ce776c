"""Finds how to train a large model on the machines one really has, and proves how good its answer is.

>>> import milp_amp
>>> result = milp_amp.solve(milp_amp.read("instance.json"), time_limit=60)  # doctest: +SKIP

Names are imported when they are first used: importing the package loads no solver.
"""

from importlib import import_module
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
    from milp_amp.formulation import names
    from milp_amp.judge.evaluate import evaluate
    from milp_amp.judge.evaluation import Evaluation
    from milp_amp.plan.files import read_strategy
    from milp_amp.plan.result import Result, Status
    from milp_amp.plan.strategy import Stage, Strategy
    from milp_amp.problem.files import read
    from milp_amp.problem.instance import Instance
    from milp_amp.problem.restrictions import Restrictions
    from milp_amp.solving import solve

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
    "Restrictions",
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
    "Evaluation": "milp_amp.judge.evaluation",
    "Instance": "milp_amp.problem.instance",
    "Restrictions": "milp_amp.problem.restrictions",
    "Result": "milp_amp.plan.result",
    "Stage": "milp_amp.plan.strategy",
    "Status": "milp_amp.plan.result",
    "Strategy": "milp_amp.plan.strategy",
    "evaluate": "milp_amp.judge.evaluate",
    "names": "milp_amp.formulation",
    "read": "milp_amp.problem.files",
    "read_strategy": "milp_amp.plan.files",
    "solve": "milp_amp.solving",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES.get(name, "milp_amp.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
