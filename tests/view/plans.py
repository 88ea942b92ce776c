"""Results about the tiny instance, judged, for figures and pages."""

from dataclasses import replace

import msgspec

from milp_amp.bounds.prepass import prepare
from milp_amp.plan.result import Result
from milp_amp.problem.files import decode_json, read
from milp_amp.problem.instance import Instance
from milp_amp.view.training_figures import Judged
from tests.cli.worlds import TINY, tiny_plan


def instance(**changes):
    """The tiny instance with other fields."""
    return msgspec.structs.replace(read(TINY), **changes)


def document(**changes):
    """A result with the plan of the tiny instance, as a document."""
    return {
        "instance": "tiny",
        "formulation": "by hand",
        "cost_model": "pipeline",
        "status": "feasible",
        "objective": 0.2,
        "bound": None,
        "gap": None,
        "runtime_s": 2.0,
        "verified": False,
        "strategy": tiny_plan(),
        "trace": [{"time_s": 1.0, "objective": 0.3, "bound": 0.1}, {"time_s": 1.5, "objective": 0.2, "bound": None}],
        **changes,
    }


def result(**changes):
    """That result, as JSON would give it."""
    return decode_json(msgspec.json.encode(document(**changes)), Result, ValueError, where="result")


def judged(asked: Instance | None = None, **changes):
    """What the judge says about a result; its objective is the true one unless given."""
    answer, world = result(**changes), asked or instance()
    found = Judged(world, answer, prepare(world, answer.cost_model))
    if "objective" in changes:
        return found
    return replace(found, result=msgspec.structs.replace(answer, objective=found.evaluation.step_time))
