"""A placement for people: what it carries, what is proved about it, machine by machine."""

from milp_amp.judge.flow import flow_of
from milp_amp.plan.placement import ServingResult
from milp_amp.plan.result import Status
from milp_amp.problem.serving import ServingInstance
from milp_amp.view.table import table
from milp_amp.view.units_text import percent, seconds

_MEANING = {
    Status.OPTIMAL: "optimal: no placement carries more",
    Status.FEASIBLE: "feasible: a better placement may exist",
    Status.INFEASIBLE: "infeasible: no placement carries anything",
    Status.UNKNOWN: "unknown: no placement was found, and none is ruled out",
}


def render_serving(instance: ServingInstance, result: ServingResult) -> str:
    """Return the report of one run."""
    lines = [
        f"{instance.name}: {_MEANING[result.status]}",
        f"  formulation   {result.formulation}, {seconds(result.runtime_s)}",
    ]
    if result.bound is not None:
        gap = "" if result.gap is None else f", gap {percent(result.gap)}"
        lines.append(f"  proven bound  {result.bound:,.6g} tokens/s{gap}")
    if result.placement is None:
        return "\n".join(lines) + "\n"
    flow = flow_of(instance, result.placement)
    lines += [
        f"  max flow      {flow.tokens_per_s:,.6g} tokens/s",
        f"  limited by    {', '.join(flow.cut)}",
    ]
    return "\n".join(lines) + "\n\n" + _stages(result)


def _stages(result: ServingResult) -> str:
    """Return a row for every interval of layers, and the machines that hold it."""
    assert result.placement is not None
    held: dict[tuple[int, int], list[str]] = {}
    for machine, interval in result.placement.layers.items():
        held.setdefault((interval[0], interval[1]), []).append(machine)
    rows = [(f"{start}-{stop - 1}", " ".join(machines)) for (start, stop), machines in sorted(held.items())]
    return table(("layers", "machines"), rows)
