"""Explanations as JSON has them."""

from typing import Any

from milp_amp.judge.limiting import Limit
from milp_amp.problem.restriction_spelling import spelled
from milp_amp.solving.explaining.infeasible import Infeasibility
from milp_amp.solving.explaining.plan import Alternative, Parts, PlanExplanation
from milp_amp.solving.explaining.purchase import Gain, Purchase
from milp_amp.solving.explaining.remedies import Remedy
from milp_amp.units import GBps

Document = dict[str, Any]


def plan_document(told: PlanExplanation) -> Document:
    """Return what limits a plan, and the alternatives, best first."""
    return {
        "what": "plan",
        "result": told.result,
        "evaluation": told.evaluation,
        "parts": _parts(told.parts),
        "minimum_cut": None if told.limit is None else _cut(told.limit),
        "alternatives": [_alternative(each) for each in told.alternatives],
    }


def _parts(parts: Parts) -> Document:
    return {"fill_s": parts.fill, "bottleneck_s": parts.bottleneck, "all_reduce_s": parts.all_reduce}


def _cut(limit: Limit) -> Document:
    return {
        "source": limit.source.name,
        "target": limit.target.name,
        "reason": limit.reason,
        "bandwidth_GBps": limit.cut.bandwidth / GBps,
        "links": limit.cut.links,
        "cards": limit.cut.cards,
    }


def _alternative(each: Alternative) -> Document:
    return {
        "choice": each.choice.kind,
        "without": each.text,
        "restrictions": spelled(each.choice.forbidden),
        "status": each.status,
        "objective": each.objective,
        "bound": each.bound,
        "strategy": each.strategy,
        "more": None if each.more is None else _parts(each.more),
        "limiting": None if each.evaluation is None else each.evaluation.limiting,
        "with_ample_memory": each.with_ample_memory,
        "note": each.note,
    }


def infeasible_document(told: Infeasibility) -> Document:
    """Return the conflict and its remedies."""
    conflict = None
    if told.conflict is not None:
        conflict = {
            "members": [member.text for member in told.conflict.members],
            "irreducible": told.conflict.irreducible,
            "several": told.several,
        }
    return {
        "what": "infeasible",
        "status": told.status,
        "members": [member.text for member in told.members],
        "conflict": conflict,
        "remedies": [_remedy(remedy) for remedy in told.remedies],
        "undecided": told.undecided,
        "strategy": told.plan,
        "searches": told.searches,
    }


def _remedy(remedy: Remedy) -> Document:
    return {
        "kind": remedy.kind,
        "text": remedy.text,
        "too_little": remedy.too_little,
        "restrictions": spelled(remedy.question.restrictions),
        "objective": remedy.question.objective,
        "step_time": remedy.step_time,
        "strategy": remedy.plan,
    }


def purchase_document(told: Purchase) -> Document:
    """Return the old plan and what every change is worth, the most worthwhile first."""
    return {"what": "purchase", "result": told.result, "gains": [_gain(gain) for gain in told.gains]}


def _gain(gain: Gain) -> Document:
    return {
        "kind": gain.change.kind,
        "change": gain.change.text,
        "devices": gain.change.devices,
        "gain": gain.gain,
        "at_least": gain.at_least,
        "at_most": gain.at_most,
        "per_device": gain.per_device,
        "result": gain.result,
        "note": gain.note,
    }
