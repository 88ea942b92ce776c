"""Why this plan: what limits it, and what the best plan lacks that differs in one of the user's choices.

A choice is forbidden by restrictions, and the rest searched again. Restrictions on the number of stages leave one of
the two spaces that ``auto`` searches: the one of uniform tensor degrees.
"""

from dataclasses import dataclass, replace

from milp_amp.cost.model import PER_BYTE_COST_MODELS
from milp_amp.judge.evaluate import evaluate
from milp_amp.judge.evaluation import Evaluation
from milp_amp.judge.limiting import Limit, limiting_cut
from milp_amp.plan.result import Result, Status
from milp_amp.plan.strategy import Strategy
from milp_amp.solving.explaining.asking import Asker
from milp_amp.solving.explaining.choices import Choice, choices_of
from milp_amp.solving.explaining.given import plan_of
from milp_amp.solving.explaining.members import AMPLE_GIB, with_memory

SAME = 1e-6
"""Relative difference of two optima that is none: the gap of their proofs, and rounding."""

ROUNDING = 1e-12
"""Relative remainder of a difference of sums that is nothing."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Seconds of a step: the first microbatch, the others at the bottleneck's pace, and what is paid at the end."""

    fill: float
    bottleneck: float
    all_reduce: float

    def minus(self, other: "Parts") -> "Parts":
        """Return what one step takes more in each part."""
        return Parts(
            fill=self.fill - other.fill,
            bottleneck=self.bottleneck - other.bottleneck,
            all_reduce=self.all_reduce - other.all_reduce,
        )

    @property
    def largest(self) -> str:
        """Name of the part that is the largest."""
        parts = {"fill": self.fill, "bottleneck": self.bottleneck, "all-reduce": self.all_reduce}
        return max(parts, key=lambda name: parts[name])


@dataclass(frozen=True, kw_only=True)
class Alternative:
    """The best plan without one of the choices.

    Attributes
    ----------
    status
        What is proved of the rest.
    objective, bound
        Of the best other plan; in the unit of the instance's objective.
    evaluation
        What the judge says of it.
    more
        What its step takes more than the plan's, part by part.
    with_ample_memory
        Its objective if memory did not bind, for the best one and for those without a plan; ``None`` where that is
        no better.
    note
        Why it is not known.
    """

    choice: Choice
    status: Status
    objective: float | None = None
    bound: float | None = None
    strategy: Strategy | None = None
    evaluation: Evaluation | None = None
    more: Parts | None = None
    with_ample_memory: float | None = None
    note: str = ""

    @property
    def text(self) -> str:
        """What is forbidden."""
        return self.choice.text


@dataclass(frozen=True, kw_only=True)
class PlanExplanation:
    """A plan with what limits it and what comes next.

    Attributes
    ----------
    limit
        Minimum cut between the nodes that exchange least at the slowest boundary; ``None`` on one node.
    alternatives
        Best first; those without a plan last.
    """

    result: Result
    evaluation: Evaluation
    parts: Parts
    limit: Limit | None
    alternatives: tuple[Alternative, ...]

    @property
    def runner_up(self) -> Alternative | None:
        """The best plan that differs in one of the choices."""
        return next((each for each in self.alternatives if each.objective is not None), None)


def explain_plan(asker: Asker, plan: Result | Strategy | None = None) -> Result | PlanExplanation:
    """Return why a plan is what it is; a result without one where there is none.

    Parameters
    ----------
    plan
        What to explain; the best plan is searched where there is none. The bound of a result is taken as it stands.

    Raises
    ------
    PlanError
        If the plan breaks a rule.
    """
    instance, costs = asker.instance, asker.costs(asker.instance)
    result = plan_of(asker, plan)
    if result.strategy is None:
        return result
    evaluation = evaluate(instance, result.strategy, costs=costs)
    parts = parts_of(evaluation)
    choices = list(choices_of(instance, result.strategy, costs.name))
    # One share more than there are choices: for what memory costs.
    found = [_alternative(asker, choice, parts, 1 / (len(choices) + 1 - k)) for k, choice in enumerate(choices)]
    return PlanExplanation(
        result=result,
        evaluation=evaluation,
        parts=parts,
        limit=limiting_cut(instance.cluster, costs.network, result.strategy, evaluation),
        alternatives=tuple(_judged_by_memory(asker, sorted(found, key=_rank))),
    )


def parts_of(evaluation: Evaluation) -> Parts:
    """Return the parts of a step that has a time."""
    once = sum(evaluation.stage_seconds)
    if evaluation.cost_model in PER_BYTE_COST_MODELS:  # elsewhere the stages' seconds have the transfers in them
        once += sum(evaluation.boundary_seconds)
    paid = max(evaluation.synchronisation_seconds) + (evaluation.update_seconds or 0.0)
    rest = (evaluation.step_time or 0.0) - once - paid
    return Parts(fill=once, bottleneck=rest if rest > ROUNDING * once else 0.0, all_reduce=paid)


def _alternative(asker: Asker, choice: Choice, parts: Parts, share: float) -> Alternative:
    question = asker.restricted(choice.forbidden)
    result = asker.best_plan(question, f"without {choice.text}", share)
    if isinstance(result, str):
        return Alternative(choice=choice, status=Status.UNKNOWN, note=result)
    evaluation = more = None
    if result.strategy is not None:
        evaluation = evaluate(question, result.strategy, costs=asker.costs(question))
        more = parts_of(evaluation).minus(parts)
    return Alternative(
        choice=choice,
        status=result.status,
        objective=result.objective,
        bound=result.bound,
        strategy=result.strategy,
        evaluation=evaluation,
        more=more,
    )


def _judged_by_memory(asker: Asker, alternatives: list[Alternative]) -> list[Alternative]:
    """Return the alternatives, the first and those without a plan with what they would be if memory did not bind."""
    asked = [each for k, each in enumerate(alternatives) if k == 0 or each.status is Status.INFEASIBLE]
    roomy = {each.text: _with_ample_memory(asker, each, 1 / (len(asked) - k)) for k, each in enumerate(asked)}
    return [replace(each, with_ample_memory=roomy.get(each.text)) for each in alternatives]


def _with_ample_memory(asker: Asker, alternative: Alternative, share: float) -> float | None:
    """Return what the best plan would be worth without limits of memory, where these cost anything."""
    question = with_memory(asker.restricted(alternative.choice.forbidden), AMPLE_GIB)
    if not asker.costs(question).limits_memory:
        return None
    result = asker.best_plan(question, f"without {alternative.text}, with ample memory", share)
    if isinstance(result, str) or result.objective is None:
        return None
    objective = alternative.objective
    costly = objective is None or result.objective < objective * (1 - SAME)
    return result.objective if costly else None


def _rank(alternative: Alternative) -> float:
    return float("inf") if alternative.objective is None else alternative.objective
