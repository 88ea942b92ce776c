"""Why there is no plan: the members that contradict each other, and what would mend it."""

from collections.abc import Sequence
from dataclasses import dataclass

from milp_amp.plan.result import Status
from milp_amp.plan.strategy import Strategy
from milp_amp.solving.explaining.asking import Asker
from milp_amp.solving.explaining.conflict import Conflict, conflict_of
from milp_amp.solving.explaining.loosening import loosened
from milp_amp.solving.explaining.machines import more_memory, more_nodes
from milp_amp.solving.explaining.members import Member, members_of, posed
from milp_amp.solving.explaining.remedies import Remedies, Remedy, Repair, dropped
from milp_amp.solving.explaining.several import together

ALL_REMEDIES: tuple[Remedies, ...] = (dropped, together, loosened, more_memory, more_nodes)
"""In the order in which they are looked for; the first also finds what the others build on."""


@dataclass(frozen=True, kw_only=True)
class Infeasibility:
    """What is known about a question without a plan.

    Attributes
    ----------
    status
        ``INFEASIBLE``; ``FEASIBLE`` where there is a plan after all, and ``UNKNOWN`` where time was too short to tell.
    members
        All that a plan would have to keep.
    conflict
        Those that contradict each other.
    several
        Whether others contradict each other beside these, so that dropping one member of the conflict is not enough.
    remedies
        Changes after which there is a plan.
    undecided
        What could not be decided, and why.
    plan
        A plan that keeps all members, where there is one.
    searches
        How many searches all this took.
    """

    status: Status
    members: tuple[Member, ...]
    conflict: Conflict | None = None
    several: bool = False
    remedies: tuple[Remedy, ...] = ()
    undecided: tuple[str, ...] = ()
    plan: Strategy | None = None
    searches: int = 0


def explain_infeasible(
    asker: Asker, texts: Sequence[str] = (), kinds: Sequence[Remedies] = ALL_REMEDIES
) -> Infeasibility:
    """Return why there is no plan, and after which changes there is one.

    Parameters
    ----------
    asker
        The instance, and how to ask about it.
    texts
        Restrictions beside those of the instance.
    kinds
        The remedies to look for.

    Raises
    ------
    InputError
        If a restriction cannot be read or names what is not there.
    """
    members = members_of(asker.instance, texts, asker.costs(asker.instance).limits_memory)
    whole = posed(asker.instance, members)
    answer = asker.any_plan(whole, "everything as asked", 0.5)
    if not answer.decided:
        reason = f"whether there is a plan: {answer.reason}"
        return Infeasibility(status=Status.UNKNOWN, members=members, undecided=(reason,), searches=asker.searches)
    conflict = conflict_of(asker, members) if answer.plan is None else None
    told = None if conflict is None else _explained(Repair(asker, members, conflict), kinds)
    if told is not None and not asker.kept(whole):
        return told
    plan = asker.kept(whole)[0]  # found at once, or while something else was asked
    return Infeasibility(status=Status.FEASIBLE, members=members, plan=plan, searches=asker.searches)


def _explained(repair: Repair, kinds: Sequence[Remedies]) -> Infeasibility:
    remedies = tuple(remedy for kind in kinds for remedy in kind(repair))
    needs = [f"whether {member.text} is needed: {why}" for member, why in repair.conflict.undecided.items()]
    return Infeasibility(
        status=Status.INFEASIBLE,
        members=repair.members,
        conflict=repair.conflict,
        several=bool(repair.in_vain) and not repair.without,
        remedies=remedies,
        undecided=(*needs, *dict.fromkeys(repair.undecided)),
        searches=repair.asker.searches,
    )
