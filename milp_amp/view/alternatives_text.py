"""Several plans for people: a row for each, what they differ in, and what is proved of the list."""

from collections.abc import Iterable
from itertools import groupby

from milp_amp.plan.alternatives import Alternatives
from milp_amp.plan.choice import Choice
from milp_amp.plan.result import Result, Status
from milp_amp.problem.instance import Instance
from milp_amp.view.proof_text import optimal
from milp_amp.view.table import table
from milp_amp.view.units_text import percent, seconds

_MEANING = {
    Status.FEASIBLE: "feasible: better plans or better choices may exist",
    Status.INFEASIBLE: "infeasible: no plan of the searched space keeps every rule",
    Status.UNKNOWN: "unknown: no plan was found, and none is ruled out",
}


def render_alternatives(instance: Instance, found: Alternatives) -> str:
    """Return the report of a list of plans."""
    lines = [
        f"{instance.name}: {_meaning(found)}",
        f"  formulation   {found.formulation}, cost model {found.cost_model}, {seconds(found.runtime_s)}",
        f"  plans         {len(found.results)} of {found.asked} that were asked for",
        *_others(instance, found),
        *(f"  note          {note}" for note in found.notes),
    ]
    report = "\n".join(lines) + "\n"
    if not found.results:
        return report
    head = ("", "per step", "over the best", "gap", "data", "microbatch", "pipeline", "tensor", "device types")
    rows = [_row(instance, found, number) for number in range(len(found.results))]
    return report + "\n" + table(head, rows, right=range(7))


def _meaning(found: Alternatives) -> str:
    if found.status is Status.OPTIMAL:
        sentence = "each is the best plan of its choice, and no other choice is better"
        return optimal(sentence, [result.gap for result in found.results])
    return _MEANING[found.status]


def describe(instance: Instance, number: int, result: Result) -> str:
    """Return one line of progress: a plan that is on the list."""
    return f"{result.runtime_s:8.1f} s  plan {number}: {_worth(instance, result.objective)}, {result.status.value}"


def _others(instance: Instance, found: Alternatives) -> list[str]:
    if found.complete:
        return ["  others        there is no other choice"]
    if found.others_bound is None:
        return []
    return [f"  others        no plan of another choice is better than {_worth(instance, found.others_bound)} per step"]


def _row(instance: Instance, found: Alternatives, number: int) -> tuple[str, ...]:
    result, choice = found.results[number], found.choices[number]
    best = found.results[0].objective
    over = (result.objective - best) / best if number and result.objective is not None and best else None
    return (
        str(number + 1),
        _worth(instance, result.objective),
        percent(over),
        percent(result.gap),
        str(choice.data_parallel),
        str(choice.microbatch_size),
        str(len(choice.stages)),
        runs(str(kind.tensor_parallel) for kind in choice.stages),
        device_types(choice),
    )


def device_types(choice: Choice) -> str:
    """Return the device types of the stages in order: ``2 × T4, 3 × A100+V100``."""
    return runs("+".join(kind.device_types) for kind in choice.stages)


def runs(words: Iterable[str]) -> str:
    """Return words in order, those that repeat with their number: ``2 × T4, V100``."""
    counted = [(word, len(list(same))) for word, same in groupby(words)]
    return ", ".join(word if count == 1 else f"{count} × {word}" for word, count in counted)


def _worth(instance: Instance, value: float | None) -> str:
    """Return the value of a plan to six digits: neighbours on a list differ by little."""
    if value is None:
        return "-"
    if instance.objective.minimise == "price":
        return f"${value:.6g}"
    return f"{value:.6g} s"
