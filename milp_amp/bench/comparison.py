"""Every formulation on every instance: one row each, a failure among them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from milp_amp.engine.interrupts import INTERRUPTED
from milp_amp.errors import MilpAmpError
from milp_amp.plan.result import Result
from milp_amp.problem.instance import Instance
from milp_amp.solving import solve
from milp_amp.solving.run import BASELINE


@dataclass(frozen=True, kw_only=True)
class Row:
    """One instance under one formulation: a result, or the error in its place."""

    instance: str
    formulation: str
    result: Result | None = None
    failure: MilpAmpError | None = None
    relative: float | None = None
    """Step time over the baseline's; ``None`` where the baseline has none, or was stopped before its choice."""

    @property
    def error(self) -> str:
        """The failure in one line; empty where there is none."""
        return "" if self.failure is None else " ".join(str(self.failure).split())


def compare(
    instances: Iterable[Instance], formulations: Iterable[str], *, cost_model: str, time_limit: float | None
) -> Iterator[Row]:
    """Yield a row per pair as soon as it is known, for every instance the baseline first."""
    others = [name for name in dict.fromkeys(formulations) if name != BASELINE]
    for instance in instances:
        reference: float | None = None
        for name in (BASELINE, *others):
            try:
                result = solve(instance, name, cost_model=cost_model, time_limit=time_limit)
            except MilpAmpError as failure:
                yield Row(instance=instance.name, formulation=name, failure=failure)
                continue
            if name == BASELINE and INTERRUPTED not in result.notes:
                reference = result.objective
            relative = result.objective / reference if result.objective is not None and reference else None
            yield Row(instance=instance.name, formulation=name, result=result, relative=relative)
