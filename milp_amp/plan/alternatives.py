"""Several answers to one question: the best plans that differ in what the user chooses."""

import msgspec

from milp_amp.plan.choice import Choice
from milp_amp.plan.result import Result, Status


class Alternatives(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The best plans of different choices, the best one first.

    Attributes
    ----------
    asked
        How many were asked for.
    status
        ``optimal``: every plan is the best of its choice and no plan of another choice is better, each up to its gap,
        or there are no other choices; ``feasible``: there are plans, but not all of that is proved.
    results
        ``bound`` holds for all choices but those that stand before it: no plan of them is better.
    choices
        Of the results, one by one.
    others_bound
        What no plan of any other choice beats; ``None`` where nothing is known, or no other choice exists.
    complete
        Whether it is proved that there are no other choices.
    """

    instance: str
    formulation: str
    cost_model: str
    status: Status
    asked: int
    results: tuple[Result, ...]
    choices: tuple[Choice, ...]
    others_bound: float | None
    complete: bool
    runtime_s: float
    seed: int = 0
    notes: tuple[str, ...] = ()
