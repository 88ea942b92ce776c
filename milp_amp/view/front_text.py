"""A front of training plans for people: a row for each, and a picture."""

from typing import Any

from milp_amp.plan.front import FrontPoint, TrainingFront
from milp_amp.plan.result import Status
from milp_amp.plan.strategy import Strategy
from milp_amp.view.alternatives_text import runs
from milp_amp.view.canvas import drawn
from milp_amp.view.proof_text import optimal
from milp_amp.view.table import table
from milp_amp.view.units_text import money, percent, seconds

_MEANING = {
    Status.FEASIBLE: "feasible: plans may be missing, or beaten",
    Status.INFEASIBLE: "infeasible: no plan of the searched space keeps every rule",
    Status.UNKNOWN: "unknown: no plan was found, and none is ruled out",
}

_AXIS = {"price": "price of a step, $", "memory": "GiB left free on the fullest device"}


def render_front(front: TrainingFront) -> str:
    """Return the report: a row for every plan of the front."""
    lines = [
        f"{front.instance}: {_meaning(front)}",
        f"  formulation   {front.formulation}, cost model {front.cost_model}, {seconds(front.runtime_s)}",
        f"  points        {len(front.points)}, step time against {front.against}",
        *(f"  note          {note}" for note in front.notes),
    ]
    report = "\n".join(lines) + "\n"
    if not front.points:
        return report
    head = ("per step", "price", "left free", "proved", "data", "microbatch", "pipeline", "tensor", "devices")
    return report + "\n" + table(head, [_row(point) for point in front.points], right=range(9))


def _meaning(front: TrainingFront) -> str:
    if front.status is Status.OPTIMAL:
        sentence = "no plan of the searched space beats one of these, and none is missing"
        return optimal(sentence, [point.result.gap for point in front.points])
    return _MEANING[front.status]


def _row(point: FrontPoint) -> tuple[str, ...]:
    plan = point.result.strategy
    return (
        f"{point.step_time:.6g} s",
        "-" if point.price is None else f"${point.price:.6g}",
        "-" if point.headroom_GiB is None else f"{point.headroom_GiB:.4g} GiB",
        "yes" if point.result.status is Status.OPTIMAL else f"gap {percent(point.result.gap)}",
        *(("-",) * 5 if plan is None else _choice(plan)),
    )


def _choice(plan: Strategy) -> tuple[str, ...]:
    return (
        str(plan.data_parallel),
        str(plan.microbatch_size),
        str(plan.pipeline_parallel),
        runs(str(stage.tensor_parallel) for stage in plan.stages),
        str(sum(len(group) for stage in plan.stages for group in stage.replicas)),
    )


def describe(point: FrontPoint, elapsed: float) -> str:
    """Return one line of progress."""
    price = "" if point.price is None else f", {money(point.price)}"
    free = "" if point.headroom_GiB is None else f", {point.headroom_GiB:.4g} GiB left free"
    return f"{elapsed:8.1f} s  {point.step_time:.6g} s per step{price}{free}, {point.result.status.value}"


def draw_front(front: TrainingFront, form: str) -> bytes:
    """Return the picture: the other quantity over seconds per step; the same front gives the same bytes.

    Parameters
    ----------
    form
        One of ``canvas.FORMATS``.
    """
    return drawn(lambda figure: _fill(figure.add_subplot(), front), form, (7, 5))


def _fill(axes: Any, front: TrainingFront) -> None:
    times = [point.step_time for point in front.points]
    others = [point.price if front.against == "price" else point.headroom_GiB for point in front.points]
    axes.step(times, others, where="post", color="C0", linewidth=1)
    for proved, label, style in ((True, "proved", {}), (False, "not proved", {"markerfacecolor": "none"})):
        chosen = [number for number, point in enumerate(front.points) if _proved(point) == proved]
        if chosen:
            xs, ys = [times[number] for number in chosen], [others[number] for number in chosen]
            axes.plot(xs, ys, marker="o", linestyle="none", color="C0", markersize=5, label=label, **style)
    axes.set(xlabel="seconds per step", ylabel=_AXIS[front.against], title=front.instance)
    if front.points:
        axes.legend(frameon=False)


def _proved(point: FrontPoint) -> bool:
    return point.result.status is Status.OPTIMAL
