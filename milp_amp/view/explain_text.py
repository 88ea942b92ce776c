"""Explanations for people: why this plan, why none, and what to buy."""

from milp_amp.judge.limiting import Limit
from milp_amp.plan.result import Status
from milp_amp.problem.instance import Instance
from milp_amp.solving.explaining.infeasible import Infeasibility
from milp_amp.solving.explaining.plan import Alternative, Parts, PlanExplanation
from milp_amp.solving.explaining.purchase import Gain, Purchase
from milp_amp.solving.explaining.remedies import Remedy
from milp_amp.units import GBps
from milp_amp.view.table import table
from milp_amp.view.units_text import money, percent, seconds

_LINKS_SHOWN = 3


def render_plan(instance: Instance, told: PlanExplanation) -> str:
    """Return what limits a plan, and the plans that differ in one choice."""
    result, evaluation = told.result, told.evaluation
    lines = [
        f"{instance.name}: {_value(instance, result.objective)} per step, {result.status.value}",
        f"  limited by    {evaluation.limiting}",
        f"  a step is     {_parts(told.parts)}",
    ]
    if told.limit is not None:
        lines.append(f"  minimum cut   {_cut(told.limit)}")
    if evaluation.fullest is not None:
        memory = evaluation.memory[evaluation.fullest]
        lines.append(
            f"  memory        stage {evaluation.fullest} takes most: {memory.memory_GiB:.3g} of "
            f"{memory.capacity_GiB:.3g} GiB on {memory.device}"
        )
    if told.runner_up is not None:
        lines.append(f"  runner-up     {_runner_up(instance, told, told.runner_up)}")
    head = ("without", "at best", "more", "fill", "bottleneck", "all-reduce", "limited by")
    rows = [_row(instance, told, each) for each in told.alternatives]
    choices = table(head, rows, right=range(1, 6)) if rows else "there is nothing else to choose\n"
    return "\n".join(lines) + "\n\n" + choices


def _value(instance: Instance, value: float | None) -> str:
    if value is None:
        return "-"
    return money(value) if instance.objective.minimise == "price" else seconds(value)


def _parts(parts: Parts) -> str:
    return (
        f"{seconds(parts.fill)} to fill and drain, {seconds(parts.bottleneck)} at the bottleneck's pace, "
        f"{seconds(parts.all_reduce)} of all-reduce and update"
    )


def _cut(limit: Limit) -> str:
    limits = [f"{source}-{target}" for source, target in limit.cut.links]
    limits += [f"(card of {node})" for node in limit.cut.cards]
    more = len(limits) - _LINKS_SHOWN
    shown = " ".join(limits[:_LINKS_SHOWN]) + (f" and {more} more" if more > 0 else "")
    return f"{limit.cut.bandwidth / GBps:.4g} GB/s {limit.reason}: {shown}"


def _runner_up(instance: Instance, told: PlanExplanation, other: Alternative) -> str:
    """Return how much worse the runner-up is, for certain and in what."""
    sentence = f"without {other.text}: {_value(instance, other.objective)}, {_more(told, other)}"
    if other.more is not None:
        sentence += f", most of it {other.more.largest} (+{seconds(getattr(other.more, _FIELDS[other.more.largest]))})"
    if other.with_ample_memory is not None:
        sentence += f"; {_value(instance, other.with_ample_memory)} if memory did not bind"
    return sentence


_FIELDS = {"fill": "fill", "bottleneck": "bottleneck", "all-reduce": "all_reduce"}


def _more(told: PlanExplanation, other: Alternative) -> str:
    """Return by how much an alternative is worse, and whether that is proved."""
    best = told.result.objective
    if best is None or other.objective is None:
        return "-"
    worse = other.objective / best - 1 if best else 0.0
    said = f"{percent(abs(worse))} {'more' if worse >= 0 else 'less'}"
    if other.status is Status.OPTIMAL:
        return said
    least = "nothing is proved" if other.bound is None else f"at least {percent(max(0.0, other.bound / best - 1))}"
    return f"{said} ({least})"


def _row(instance: Instance, told: PlanExplanation, each: Alternative) -> tuple[str, ...]:
    if each.objective is None or each.more is None or each.evaluation is None:
        return each.text, "-", "-", "-", "-", "-", _why_none(instance, each)
    parts = (_signed(getattr(each.more, field)) for field in _FIELDS.values())
    return each.text, _value(instance, each.objective), _more(told, each), *parts, str(each.evaluation.limiting)


def _why_none(instance: Instance, each: Alternative) -> str:
    if each.note:
        return f"not decided: {each.note}"
    if each.status is Status.UNKNOWN:
        return "not decided: no plan was found, and none is ruled out"
    if each.with_ample_memory is not None:
        return f"no plan fits into memory; {_value(instance, each.with_ample_memory)} if it did not bind"
    return "no plan"


def _signed(value: float) -> str:
    return f"{'+' if value >= 0 else '-'}{seconds(abs(value))}"


def render_infeasible(instance: Instance, told: Infeasibility) -> str:
    """Return the members that contradict each other, and what would mend it."""
    if told.conflict is None:
        sentence = "there is a plan" if told.status is Status.FEASIBLE else "not decided"
        return "\n".join([f"{instance.name}: {sentence}", *(f"  {line}" for line in told.undecided)]) + "\n"
    lines = [f"{instance.name}: infeasible: no plan of the searched space keeps every rule", *_conflict(told), ""]
    lines += ["there is a plan", *map(_remedy, told.remedies)] if told.remedies else ["no remedy was found"]
    if told.undecided:
        lines += ["", "not decided", *(f"  {line}" for line in told.undecided)]
    return "\n".join(lines) + "\n"


def _conflict(told: Infeasibility) -> list[str]:
    if told.conflict is None or not told.conflict.members:
        return ["nothing that was asked for is to blame: machines, profile and batch leave no plan by themselves"]
    rule = "this alone leaves no plan"
    if not told.conflict.irreducible:
        rule = "these leave no plan together; whether all of them are needed is not decided"
    elif len(told.conflict.members) > 1:
        rule = "these leave no plan together; without any one of them the others leave some"
    beside = ["other rules leave no plan either"] if told.several else []
    return [rule, *(f"  {member.text}" for member in told.conflict.members), *beside]


def _remedy(remedy: Remedy) -> str:
    with_it = remedy.text if remedy.kind == "drop" or remedy.text.startswith("without") else f"with {remedy.text}"
    too_little = f" ({remedy.too_little}: too little)" if remedy.too_little else ""
    return f"  {with_it}{too_little}: {seconds(remedy.step_time)} per step, or less"


def render_purchase(instance: Instance, told: Purchase) -> str:
    """Return what every change is worth, the most worthwhile first."""
    result = told.result
    first = f"{instance.name}: {_value(instance, result.objective)} per step, {result.status.value}"
    if not told.gains:
        return f"{first}\n"
    rows = [_gain_row(instance, told, gain) for gain in told.gains]
    return f"{first}\n\n" + table(("change", "at best", "gain", "per device", "proved"), rows, right=(1, 2, 3))


def _gain_row(instance: Instance, told: Purchase, gain: Gain) -> tuple[str, ...]:
    if gain.gain is None or gain.result is None:
        return gain.change.text, "-", "-", "-", f"not decided: {gain.note}"
    per_device = "-" if gain.per_device is None else _gained(instance, gain.per_device)
    return (
        gain.change.text,
        _value(instance, gain.result.objective),
        _gained(instance, gain.gain),
        per_device,
        _proof(instance, told, gain),
    )


def _gained(instance: Instance, value: float) -> str:
    return f"{'-' if value < 0 else ''}{_value(instance, abs(value))}"


def _proof(instance: Instance, told: Purchase, gain: Gain) -> str:
    """Return the range of the gain where one of the two searches was not finished."""
    if gain.result is not None and told.result.status is gain.result.status is Status.OPTIMAL:
        return "yes"
    parts = [
        f"at {word} {_gained(instance, value)}"
        for word, value in (("least", gain.at_least), ("most", gain.at_most))
        if value is not None
    ]
    return ", ".join(parts) or "no"
