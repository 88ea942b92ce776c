"""Remedies that the user can grant: the nearest value of a restriction or a limit that works."""

import math
from collections.abc import Iterator
from functools import singledispatch
from typing import Any

import msgspec

from milp_amp.judge.rules import num_microbatches
from milp_amp.plan.result import Result
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.instance import Instance
from milp_amp.problem.restriction_spelling import given
from milp_amp.problem.restrictions import FixedStage, LayerPin, NodePin, Range, Restrictions
from milp_amp.solving.explaining.answers import Answer
from milp_amp.solving.explaining.members import Member, limit_member, restriction_member
from milp_amp.solving.explaining.remedies import SHARE, Remedy, Repair, least

MOST_TRIES = 8
"""Other values of a restriction that are tried where none of them has to be better than the one before."""

DIGITS = 4
"""Significant digits of a limit that is found."""

replace = msgspec.structs.replace


def loosened(repair: Repair) -> Iterator[Remedy]:
    """Yield for every member that is to blame alone how it could stay, in another form."""
    for member, plan in list(repair.without.items()):
        if member.limit is not None:
            yield from _limit(repair, member, member.limit[0])
        elif member.restriction is not None:
            ((field, value),) = given(member.restriction)
            ranged = isinstance(value, Range)
            yield from _range(repair, member, field, value, plan) if ranged else _other(repair, member, field, value)


def _range(repair: Repair, member: Member, field: str, allowed: Range, plan: Strategy) -> Iterator[Remedy]:
    """Yield the nearest values of a count that work; the plan without any limit of it has some that do."""
    numbers = counts_of(repair.asker.instance, plan)[field]
    if allowed.at_most is not None:
        yield from _moved(repair, member, field, "at_most", allowed.at_most, max(numbers))
    elif allowed.at_least is not None:
        yield from _moved(repair, member, field, "at_least", allowed.at_least, min(numbers))
    else:
        listed = (allowed.exactly,) if allowed.one_of is None else allowed.one_of
        yield from _listed(repair, member, field, tuple(number for number in listed if number is not None), numbers)


def _moved(repair: Repair, member: Member, field: str, limit: str, now: int, works: int) -> Iterator[Remedy]:
    """Yield the least move of a limit, to no further than where it is known to work."""
    sign = 1 if works > now else -1

    def moved(steps: int) -> Member:
        return _ranged(field, **{limit: now + sign * steps})

    def ask(steps: int) -> Answer:
        return repair.ask(repair.instead(member, moved(steps)), moved(steps).text)

    if ask(abs(works - now)).plan is None:
        return
    steps, proved = least(0, abs(works - now), ask)
    too_little = moved(steps - 1).text if proved and steps > 1 else None
    yield from _in_place(repair, member, moved(steps), too_little)


def _listed(repair: Repair, member: Member, field: str, now: tuple[int, ...], works: set[int]) -> Iterator[Remedy]:
    """Yield the nearest other value that works, or else those of the plan without any limit."""
    around = range(1, max(*now, *works) + 1) if now else sorted(works)
    near = sorted(set(around) - set(now), key=lambda n: (min((abs(n - m) for m in now), default=0), n not in works, n))
    for number in near[:MOST_TRIES]:
        other = _ranged(field, exactly=number)
        if repair.ask(repair.instead(member, other), other.text).plan is not None:
            yield from _in_place(repair, member, other)
            return
    every = _ranged(field, one_of=tuple(sorted({*now, *works})))
    if repair.ask(repair.instead(member, every), every.text).plan is not None:
        yield from _in_place(repair, member, every)


def _ranged(field: str, **limits: Any) -> Member:
    """Return the member that limits of a count are."""
    restriction: dict[str, Any] = {field: Range(**limits)}
    return restriction_member(Restrictions(**restriction))


def counts_of(instance: Instance, plan: Strategy) -> dict[str, set[int]]:
    """Return the numbers of a plan, by the restrictions that limit them."""
    return {
        "tensor_parallel": {stage.tensor_parallel for stage in plan.stages},
        "data_parallel": {plan.data_parallel},
        "pipeline_parallel": {plan.pipeline_parallel},
        "microbatch_size": {plan.microbatch_size},
        "num_microbatches": {num_microbatches(instance, plan)},
        "stage_devices": {sum(map(len, stage.replicas)) for stage in plan.stages},
    }


def _other(repair: Repair, member: Member, field: str, value: Any) -> Iterator[Remedy]:
    """Yield the first other form of a pin or of a fixed stage that works."""
    entry = value[0] if isinstance(value, tuple) else value.stages[0] if field == "plan" and value.stages else None
    for form in _forms(entry, repair.asker.instance):
        restriction: dict[str, Any] = {field: replace(value, stages=(form,)) if field == "plan" else (form,)}
        other = restriction_member(Restrictions(**restriction))
        if repair.ask(repair.instead(member, other), other.text).plan is not None:
            yield from _in_place(repair, member, other)
            return


@singledispatch
def _forms(entry: Any, instance: Instance) -> Iterator[Any]:
    """Yield other forms of a restriction, the nearest first; most have none."""
    yield from ()


@_forms.register(LayerPin | NodePin)
def _(entry: LayerPin | NodePin, instance: Instance) -> Iterator[Any]:
    stages = sorted((*range(MOST_TRIES // 2), -1, -2), key=lambda stage: abs(stage - entry.stage))
    yield from (replace(entry, stage=stage) for stage in stages if stage != entry.stage)


@_forms.register
def _(entry: FixedStage, instance: Instance) -> Iterator[Any]:
    if entry.nodes is not None:
        yield replace(entry, nodes=None)


@_forms.register
def _(entry: str, instance: Instance) -> Iterator[Any]:
    """Yield one node after the other of a group that had to be idle."""
    if entry not in instance.cluster.host_of_name:
        count = next(group.count for group in instance.cluster.nodes if group.name == entry)
        yield from (f"{entry}.{number}" for number in reversed(range(count)) if count > 1)


def _limit(repair: Repair, member: Member, field: str) -> Iterator[Remedy]:
    """Yield the value of the objective's limit that can be had, searched with its proof."""
    priced = field == "most_price_per_step"
    free = repair.instead(member)
    result = repair.asker.best_plan(free.asked(minimise="price" if priced else "step_time"), f"the best {field}", SHARE)
    if isinstance(result, str) or result.objective is None:
        repair.undecided.append(f"the best {field}: {result if isinstance(result, str) else result.status.value}")
        return
    best = result.objective if priced else 1 / result.objective
    other = limit_member(field, _rounded(best, up=priced))
    if repair.asker.kept(repair.instead(member, other)):
        yield from _in_place(repair, member, other, _beyond(result, field, priced))


def _beyond(result: Result, field: str, priced: bool) -> str | None:
    """Return what is proved to be too much to ask."""
    if not result.bound:
        return None
    return limit_member(field, _rounded(result.bound, up=False) if priced else _rounded(1 / result.bound, up=True)).text


def _rounded(value: float, up: bool) -> float:
    """Return a value of ``DIGITS`` digits that lies on the side asked for."""
    scale = 10.0 ** (math.floor(math.log10(value)) + 1 - DIGITS) if value > 0 else 1.0
    return float(f"{(math.ceil if up else math.floor)(value / scale) * scale:.{DIGITS}g}")


def _in_place(repair: Repair, member: Member, other: Member, too_little: str | None = None) -> Iterator[Remedy]:
    text = f"{other.text} in place of {member.text}"
    yield from repair.confirmed("loosen", text, repair.instead(member, other), too_little)
