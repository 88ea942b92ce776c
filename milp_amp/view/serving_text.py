"""A placement for people: what it carries, what is proved about it, machine by machine."""

from collections.abc import Sequence

from milp_amp.bounds.serving import FlowBound
from milp_amp.judge.flow import Flow, flow_of
from milp_amp.judge.served import Percentiles, Served
from milp_amp.plan.placement import ServedRate, ServingResult
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
    if result.served is not None:
        lines += _served(result.served)
    if result.placement is None:
        return "\n".join(lines) + "\n"
    return "\n".join(lines) + "\n" + render_flow(flow_of(instance, result.placement)) + "\n" + _stages(result)


def _served(served: ServedRate) -> list[str]:
    """Return what simulations of a placement say."""
    return [
        f"  served        {served.tokens_per_s:,.5g} ± {served.interval:.2g} output tokens/s, {served.runs} runs",
        f"  a token       {seconds(served.token_s)} in the mean",
        f"  refused       {percent(served.refused)} of the requests",
    ]


def render_flow(flow: Flow) -> str:
    """Return what a placement carries, and what limits it."""
    limits = ", ".join(flow.cut) or "layers that nobody holds"
    return f"  max flow      {flow.tokens_per_s:,.6g} tokens/s\n  limited by    {limits}\n"


def render_bounds(bounds: Sequence[FlowBound]) -> str:
    """Return what no placement exceeds, and why."""
    rows = [(bound.name, f"{bound.tokens_per_s:,.6g} tokens/s", bound.reason) for bound in bounds]
    return table(("bound", "no placement carries more than", "because"), rows)


def _stages(result: ServingResult) -> str:
    """Return a row for every interval of layers, and the machines that hold it."""
    assert result.placement is not None
    held: dict[tuple[int, int], list[str]] = {}
    for machine, interval in result.placement.layers.items():
        held.setdefault((interval[0], interval[1]), []).append(machine)
    rows = [(f"{start}-{stop - 1}", " ".join(machines)) for (start, stop), machines in sorted(held.items())]
    return table(("layers", "machines"), rows)


def render_served(served: Served) -> str:
    """Return what a simulation of serving found."""
    lines = [
        f"  decoded       {served.decode_tokens_per_s:,.5g} tokens/s",
        f"  prompts       {served.prompt_tokens_per_s:,.5g} tokens/s",
        f"  requests      {served.finished} finished, {served.dropped} dropped",
        f"  a prompt      {_percentiles(served.prompt_s)}",
        f"  a token       {_percentiles(served.decode_s)}",
    ]
    rows = [(place, seconds(waited)) for place, waited in served.waited_s if waited > 0]
    return "\n".join(lines) + "\n\n" + table(("where requests wait", "all together"), rows)


def _percentiles(found: Percentiles) -> str:
    return f"half within {seconds(found.p50)}, 95 % within {seconds(found.p95)}"
