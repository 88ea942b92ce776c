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
    from milp_amp.judge.serve import Load, Served, serve
    from milp_amp.plan.files import read_placement, read_strategy
    from milp_amp.plan.placement import Placement, ServingResult
    from milp_amp.plan.result import Result, Status
    from milp_amp.plan.strategy import Stage, Strategy
    from milp_amp.problem.files import read, read_serving
    from milp_amp.problem.instance import Instance
    from milp_amp.problem.restrictions import Restrictions
    from milp_amp.problem.serving import ServingInstance
    from milp_amp.solving import solve
    from milp_amp.solving.serving import solve_serving

__all__ = [
    "Discrepancy",
    "EngineError",
    "Evaluation",
    "FormulationError",
    "InputError",
    "Instance",
    "InstanceError",
    "Load",
    "MilpAmpError",
    "Placement",
    "PlanError",
    "Restrictions",
    "Result",
    "Served",
    "ServingInstance",
    "ServingResult",
    "Stage",
    "Status",
    "Strategy",
    "evaluate",
    "names",
    "read",
    "read_placement",
    "read_serving",
    "read_strategy",
    "serve",
    "solve",
    "solve_serving",
]

_HOMES = {
    "Evaluation": "milp_amp.judge.evaluation",
    "Instance": "milp_amp.problem.instance",
    "Load": "milp_amp.judge.serve",
    "Placement": "milp_amp.plan.placement",
    "Restrictions": "milp_amp.problem.restrictions",
    "Result": "milp_amp.plan.result",
    "Served": "milp_amp.judge.serve",
    "ServingInstance": "milp_amp.problem.serving",
    "ServingResult": "milp_amp.plan.placement",
    "Stage": "milp_amp.plan.strategy",
    "Status": "milp_amp.plan.result",
    "Strategy": "milp_amp.plan.strategy",
    "evaluate": "milp_amp.judge.evaluate",
    "names": "milp_amp.formulation",
    "read": "milp_amp.problem.files",
    "read_placement": "milp_amp.plan.files",
    "read_serving": "milp_amp.problem.files",
    "read_strategy": "milp_amp.plan.files",
    "serve": "milp_amp.judge.serve",
    "solve": "milp_amp.solving",
    "solve_serving": "milp_amp.solving.serving",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES.get(name, "milp_amp.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
