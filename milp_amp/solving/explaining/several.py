"""Remedies where several conflicts stand side by side: members that have to be given up together."""

from collections.abc import Iterator
from dataclasses import replace

from milp_amp.solving.explaining.machines import on_every_device
from milp_amp.solving.explaining.members import MEMORY, Member, posed
from milp_amp.solving.explaining.remedies import Remedy, Repair


def together(repair: Repair) -> Iterator[Remedy]:
    """Yield one set of members whose dropping helps, none of which could be kept beside the others.

    Members are taken up one after the other, the memory first, as long as there is a plan; those that found no place
    are dropped. Where the memory is one of them, it is the least more of it that the others ask for.
    """
    instance = repair.asker.instance
    if repair.without or repair.ask(posed(instance, ()), "without all restrictions", searched=True).plan is None:
        return
    taken: list[Member] = []
    for member in sorted(repair.members, key=lambda member: member.text != MEMORY):
        if repair.ask(posed(instance, [*taken, member]), f"with {member.text}", searched=True).plan is not None:
            taken.append(member)
    left = [member.text for member in repair.members if member not in taken]
    question = posed(instance, taken)
    if MEMORY not in left:
        yield repair.remedy("drop", f"without {' and '.join(left)}", question)
        return
    plan = repair.asker.kept(question)[0]
    for remedy in on_every_device(replace(repair, members=(*taken, Member(MEMORY))), plan):
        wishes = [text for text in left if text != MEMORY]
        dropping = f"without {' and '.join(wishes)}, " if wishes else ""
        yield replace(remedy, text=f"{dropping}{remedy.text}")
