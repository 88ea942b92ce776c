"""A front of placements for people: a row for each, and a picture."""

from collections.abc import Sequence
from typing import Any

from milp_amp.plan.placement import Placement
from milp_amp.problem.serving import ServingInstance
from milp_amp.solving.pareto import Event, Front, Point
from milp_amp.view.canvas import drawn
from milp_amp.view.table import table
from milp_amp.view.units_text import percent, seconds

_HEAD = ("served tokens/s", "a token", "max flow", "depth", "refused")


def render_front(instance: ServingInstance, front: Front) -> str:
    """Return the report: a row for every plan of the front, and one for the largest flow."""
    rows = [("", *_row(instance, point)) for point in front.points]
    if front.largest_flow is not None:
        rows.append(("largest flow", *_row(instance, front.largest_flow)))
    judged = len(front.points) + len(front.dominated)
    lines = [
        f"{instance.name}: plans that no other beats in tokens/s and in the seconds of a token: {len(front.points)}",
        f"  searched      {len(front.limits)} limits, {seconds(front.runtime_s)}",
        f"  simulated     {front.candidates} plans, of which {judged} were judged in other orders of the requests",
        *(f"  note          {note}" for note in front.notes),
    ]
    right = range(1, len(_HEAD) + 1)
    return "\n".join(lines) + "\n\n" + table(("", *_HEAD), rows, right=right)


def _row(instance: ServingInstance, point: Point) -> tuple[str, ...]:
    served = point.served
    known = f" ± {served.interval:.2g}" if served.runs > 1 else ""
    return (
        f"{served.tokens_per_s:,.5g}{known}",
        seconds(served.token_s),
        f"{served.flow_tokens_per_s:,.6g}",
        str(depth(instance.model.num_layers, point.placement)),
        percent(served.refused),
    )


def depth(layers: int, placement: Placement) -> int:
    """Return the most machines that a request passes one after another; 0 where none holds all it needs."""
    passed = {0: 0}
    for start, stop in sorted(set(placement.layers.values())):
        entered = [n for layer, n in passed.items() if _enters(layer, start, stop, placement.partial_inference)]
        if entered:
            passed[stop] = max(passed.get(stop, 0), max(entered) + 1)
    return passed.get(layers, 0)


def _enters(layer: int, start: int, stop: int, partial_inference: bool) -> bool:
    return layer == start or (partial_inference and start < layer < stop)


def describe(event: Event) -> str:
    """Return one line of progress."""
    served = f"{event.tokens_per_s:.4g} tokens/s, a token {seconds(event.token_s)}"
    return f"{event.time_s:8.1f} s  {event.what}: {served}"


def draw_front(front: Front, form: str) -> bytes:
    """Return the picture: tokens per second over the seconds of one; the same front gives the same bytes.

    Parameters
    ----------
    form
        One of ``canvas.FORMATS``.
    """
    return drawn(lambda figure: _fill(figure.add_subplot(), front), form, (7, 5))


def _fill(axes: Any, front: Front) -> None:
    flow = [] if front.largest_flow is None else [front.largest_flow]
    for points, label, style in (
        (front.points, "no plan beats it", {"marker": "o", "color": "C0", "drawstyle": "steps-pre", "zorder": 3}),
        (front.dominated, "other plans", {"marker": "o", "color": "grey", "linestyle": "none"}),
        (flow, "largest flow", {"marker": "s", "color": "C1", "linestyle": "none"}),
    ):
        if points:
            axes.errorbar(*_coordinates(points), label=label, markersize=5, capsize=2, **style)
    axes.set(xlabel="seconds of an output token, mean", ylabel="output tokens/s, served", title=front.instance)
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    if front.points or flow:
        axes.legend(frameon=False)


def _coordinates(points: Sequence[Point]) -> tuple[list[float], list[float], list[float]]:
    """Return seconds, tokens per second and half the intervals."""
    served = [point.served for point in points]
    return [s.token_s for s in served], [s.tokens_per_s for s in served], [s.interval for s in served]
