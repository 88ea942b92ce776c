"""What a page says about serving: the question, all results side by side, bounds and reasons, then every placement."""

from collections.abc import Iterator, Sequence

from milp_amp.bounds.serving import flow_bounds
from milp_amp.problem.serving import ServingInstance
from milp_amp.solving.serving import TOLERANCE
from milp_amp.view.drawing import shortened
from milp_amp.view.report.markup import Markup, element, folded, pairs, table
from milp_amp.view.report.svg import figure_markup
from milp_amp.view.serving_figures import SERVING_FIGURES, Carried, serving_figures
from milp_amp.view.units_text import percent, seconds

_CELL_LETTERS = 120


def question(instance: ServingInstance) -> Markup:
    """Return what is asked."""
    groups = ", ".join(f"{group.count:,}× {group.name}" for group in instance.cluster.nodes[:12])
    more = f" and {len(instance.cluster.nodes) - 12} more groups" if len(instance.cluster.nodes) > 12 else ""
    return pairs(
        (
            ("model", f"{instance.model.name}, {instance.model.num_layers} layers"),
            ("machines", f"{len(instance.machines):,}: {groups}{more}"),
            ("asked for", "layers on machines, so that most tokens per second are served"),
        )
    )


def comparison(entries: Sequence[tuple[str, Carried]]) -> Markup:
    """Return a row for every result."""
    head = ("file", "formulation", "status", "tokens/s", "bound", "gap", "max flow", "served", "run")
    return table(head, [_compared(where, carried) for where, carried in entries], right=range(3, len(head)))


def _compared(where: str, carried: Carried) -> tuple[str, ...]:
    result, flow = carried.result, carried.flow
    return (
        shortened(where, _CELL_LETTERS),
        shortened(result.formulation, _CELL_LETTERS),
        result.status.value,
        _tokens(result.objective),
        _tokens(result.bound),
        percent(result.gap),
        _tokens(None if flow is None else flow.tokens_per_s),
        "-" if result.served is None else f"{result.served.tokens_per_s:,.5g} ± {result.served.interval:.2g}",
        seconds(result.runtime_s),
    )


def _tokens(value: float | None) -> str:
    return "-" if value is None else f"{value:,.6g}"


def bounds(instance: ServingInstance) -> Markup:
    """Return what no placement carries more than, and why."""
    rows = [(bound.name, f"{bound.tokens_per_s:,.6g} tokens/s", bound.reason) for bound in flow_bounds(instance)]
    return table(("bound", "at most", "because"), rows, right=(1,))


def plan(where: str, carried: Carried, most_rows: int) -> Iterator[Markup]:
    """Yield what there is to say and to draw about one result."""
    result, flow = carried.result, carried.flow
    yield element("h2", f"{result.formulation}: {result.status.value}")
    yield element("p", where, class_="faint")
    yield from (element("p", doubt, class_="warning") for doubt in unconfirmed(carried))
    if flow is not None:
        limits = ", ".join(flow.cut) or "layers that nobody holds"
        yield pairs((*_served(carried), ("max flow", f"{_tokens(flow.tokens_per_s)} tokens/s"), ("limited by", limits)))
    if result.notes:
        yield element("ul", *(element("li", shortened(note, 400)) for note in result.notes[:20]), class_="faint")
    yield from (figure_markup(figure) for figure in serving_figures(carried, SERVING_FIGURES))
    yield from _intervals(carried, most_rows)


def _served(carried: Carried) -> Iterator[tuple[str, str]]:
    if (served := carried.result.served) is not None:
        rate = f"{served.tokens_per_s:,.5g} ± {served.interval:.2g} output tokens/s, {served.runs} simulated runs"
        yield "served", rate
        yield "a token", f"{seconds(served.token_s)} in the mean"
        yield "refused", f"{percent(served.refused)} of the requests"


def unconfirmed(carried: Carried) -> tuple[str, ...]:
    """Return a sentence where a placement carries something else than is claimed."""
    result, flow = carried.result, carried.flow
    if flow is None or result.objective is None:
        return ()
    claimed = result.objective if result.served is None else result.served.flow_tokens_per_s
    if abs(claimed - flow.tokens_per_s) <= TOLERANCE * flow.tokens_per_s:
        return ()
    return (f"claimed {claimed:.12g} tokens/s, recomputed {flow.tokens_per_s:.12g} tokens/s",)


def _intervals(carried: Carried, most_rows: int) -> Iterator[Markup]:
    """Yield the placement as a table."""
    held: dict[tuple[int, int], list[str]] = {}
    for machine, spot in carried.spots.items():
        held.setdefault(spot.layers, []).append(machine)
    rows = [
        (f"{start}-{stop - 1}", str(len(machines)), shortened(" ".join(machines), _CELL_LETTERS))
        for (start, stop), machines in sorted(held.items())
    ]
    more = len(rows) - most_rows
    if rows:
        yield folded(
            "The placement as a table",
            len(rows),
            table(("layers", "machines", "which"), rows[:most_rows], right=(0, 1)),
            element("p", f"{more} more rows are not listed.", class_="note") if more > 0 else "",
        )
