"""What would make a question answerable: every remedy is confirmed by a plan for the question as it is then.

Where a remedy has a size, the next smaller one is proved to be too little, or it is not called so.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from milp_amp.judge.evaluate import evaluate
from milp_amp.judge.evaluation import Evaluation
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.instance import Instance
from milp_amp.solving.explaining.answers import Answer
from milp_amp.solving.explaining.asking import Asker
from milp_amp.solving.explaining.conflict import Conflict, others
from milp_amp.solving.explaining.members import MEMORY, Member, posed

SHARE = 0.25
"""Part of the remaining time that looking for one remedy may take."""

Kind = Literal["drop", "loosen", "memory", "nodes"]


@dataclass(frozen=True, kw_only=True)
class Remedy:
    """A change after which there is a plan.

    Attributes
    ----------
    text
        The change.
    question
        The question as it is then.
    plan
        One that answers it; nobody looked for the best one.
    step_time
        Seconds per step of that plan.
    too_little
        The next smaller change of this kind, where it is proved to leave no plan.
    """

    kind: Kind
    text: str
    question: Instance
    plan: Strategy
    step_time: float
    too_little: str | None = None


@dataclass
class Repair:
    """The question with all its members, and what could not be decided about remedies.

    Attributes
    ----------
    without
        For members of the conflict a plan that keeps all others of the question.
    in_vain
        Members of the conflict without which there is still no plan, since others contradict each other too.
    """

    asker: Asker
    members: tuple[Member, ...]
    conflict: Conflict
    without: dict[Member, Strategy] = field(default_factory=dict)
    in_vain: list[Member] = field(default_factory=list)
    undecided: list[str] = field(default_factory=list)

    def ask(self, question: Instance, what: str, *, searched: bool = False) -> Answer:
        """Return whether a remedy works; what cannot be decided is kept in mind."""
        answer = self.asker.any_plan(question, what, SHARE, searched=searched)
        if not answer.decided:
            self.undecided.append(f"{what}: {answer.reason}")
        return answer

    def remedy(self, kind: Kind, text: str, question: Instance, too_little: str | None = None) -> Remedy:
        """Return a remedy that a search has found a plan for, with the best plan that is known."""
        plan = self.asker.kept(question)[0]
        step_time = self.judged(question, plan).step_time or 0.0
        return Remedy(kind=kind, text=text, question=question, plan=plan, step_time=step_time, too_little=too_little)

    def confirmed(self, kind: Kind, text: str, question: Instance, too_little: str | None = None) -> Iterator[Remedy]:
        """Yield a remedy once a search for its question finds a plan too."""
        if self.ask(question, f"{text}, again", searched=True).plan is not None:
            yield self.remedy(kind, text, question, too_little)

    def judged(self, question: Instance, plan: Strategy) -> Evaluation:
        """Return what the judge says of a plan."""
        return evaluate(question, plan, costs=self.asker.costs(question))

    def instead(self, member: Member, *replacement: Member) -> Instance:
        """Return the question with other members in place of one."""
        return posed(self.asker.instance, (*others(self.members, member), *replacement))


def dropped(repair: Repair) -> Iterator[Remedy]:
    """Yield the members of the conflict that can be dropped, each by itself.

    Where several conflicts stand side by side there are none. That the devices have memory cannot be dropped; whether
    more of it would help is kept in mind.
    """
    for member in repair.conflict.members:
        question = repair.instead(member)
        answer = repair.ask(question, f"all but {member.text}", searched=True)
        if answer.impossible and not repair.asker.kept(question):
            repair.in_vain.append(member)
        if answer.plan is None:
            continue
        repair.without[member] = answer.plan
        if member.text != MEMORY:
            yield repair.remedy("drop", f"without {member.text}", question)


def least(low: int, high: int, works: Callable[[int], Answer]) -> tuple[int, bool]:
    """Return the least size that works, by halving, and whether the one below is proved to be too little.

    Parameters
    ----------
    low, high
        Sizes of which the first is proved to be too little, and the second works.
    """
    while high - low > 1:
        middle = (low + high) // 2
        answer = works(middle)
        if answer.plan is not None:
            high = middle
        elif answer.impossible:
            low = middle
        else:
            return high, False
    return high, True


Remedies = Callable[[Repair], Iterator[Remedy]]
"""Looks for remedies of one kind."""
