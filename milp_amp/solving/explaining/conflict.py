"""The members of a question that contradict each other: as few as there can be, each of them needed.

Deletion filtering (Chinneck and Dravnieks, "Locating minimal infeasible constraint sets in linear programs", ORSA
Journal on Computing 3(2), 1991): drop one member after the other, and keep out what is not needed for the
contradiction. What is left is a proof of ``solve``; that a member is needed is a plan which keeps all the others.

Such a proof is about the searched spaces, and which these are depends on what is restricted: a plan that was found for
fewer members may keep all of them. It refutes the proof, and the members are filtered anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from milp_amp.plan.strategy import Strategy
from milp_amp.solving.explaining.asking import Asker
from milp_amp.solving.explaining.members import MEMORY, Member, posed


@dataclass(frozen=True)
class Conflict:
    """Members that no plan keeps together.

    Attributes
    ----------
    members
        Proved to leave no plan; there are none where machines, profile and batch leave no plan by themselves.
    witnesses
        For every member that is needed a plan that keeps all the others.
    undecided
        The other members, with the reason why it is not known whether they are needed.
    """

    members: tuple[Member, ...]
    witnesses: dict[Member, Strategy] = field(default_factory=dict)
    undecided: dict[Member, str] = field(default_factory=dict)

    @property
    def irreducible(self) -> bool:
        """Whether every member is known to be needed."""
        return not self.undecided


def conflict_of(asker: Asker, members: Sequence[Member]) -> Conflict | None:
    """Return an irreducible part of members that were proved to leave no plan.

    The first to be given up is the memory, then limits, then restrictions from the last to the first: what is left
    is rather something that the user asked for first. ``None`` where a plan that keeps all of them was found after all.
    """
    while not asker.kept(posed(asker.instance, members)):
        found = _filtered(asker, members)
        if not asker.kept(posed(asker.instance, found.members)):
            return found
    return None


def _filtered(asker: Asker, members: Sequence[Member]) -> Conflict:
    kept = tuple(members)
    undecided: dict[Member, str] = {}
    order = sorted(range(len(members)), key=lambda place: (_rank(members[place]), -place))
    for tried, member in enumerate(members[place] for place in order):
        rest = others(kept, member)
        answer = asker.any_plan(posed(asker.instance, rest), f"without {member.text}", 1 / (len(members) - tried + 1))
        if answer.impossible:
            kept = rest
        elif answer.plan is None:
            undecided[member] = answer.reason
    witnesses = {
        member: asker.kept(posed(asker.instance, others(kept, member)))[0] for member in kept if member not in undecided
    }
    return Conflict(kept, witnesses, undecided)


def others(members: Sequence[Member], member: Member) -> tuple[Member, ...]:
    """Return all members but one."""
    return tuple(each for each in members if each != member)


def _rank(member: Member) -> int:
    if member.text == MEMORY:
        return 0
    return 1 if member.limit is not None else 2
