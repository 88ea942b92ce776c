"""What a page says about training: the question, all results side by side, bounds and reasons, then every plan."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from milp_amp.bounds.prepass import Prepass, refined
from milp_amp.judge.check import TOLERANCE
from milp_amp.judge.evaluation import Evaluation
from milp_amp.plan.strategy import Stage
from milp_amp.problem.instance import Instance
from milp_amp.solving.run import BASELINE
from milp_amp.view.drawing import shortened
from milp_amp.view.report.markup import Markup, element, folded, joined, pairs, table
from milp_amp.view.report.svg import figure_markup
from milp_amp.view.text import stage_cells
from milp_amp.view.training_figures import TRAINING_FIGURES, Judged, training_figures
from milp_amp.view.units_text import devices, money, percent, seconds

_ADDRESSES, _DEVICE_LETTERS = 256, 120


def question(instance: Instance) -> Markup:
    """Return what is asked."""
    cluster, workload = instance.cluster, instance.workload
    kinds = {group.device: 0 for group in cluster.nodes}
    for group in cluster.nodes:
        kinds[group.device] += group.count * group.devices
    model = instance.model
    return pairs(
        (
            ("model", f"{model.name}, {model.num_layers} layers"),
            ("devices", shortened(", ".join(f"{count:,} {kind}" for kind, count in kinds.items()))),
            ("step", f"{workload.global_batch_size:,} sequences of {workload.sequence_length:,} tokens"),
            (
                "asked for",
                "the least price of a step" if instance.objective.minimise == "price" else "the shortest step",
            ),
        )
    )


def comparison(entries: Sequence[tuple[str, Judged]]) -> Markup:
    """Return a row for every result; where the baseline is among them, what each is of it."""
    base = next((judged for _, judged in entries if judged.result.formulation == BASELINE), None)
    head = ["file", "formulation", "cost model", "status", "per step", "bound", "gap", "simulated", "t/d/p/b", "run"]
    head += [f"of {BASELINE}"] if base else []
    rows = [(*_compared(where, judged), *([_relative(judged, base)] if base else [])) for where, judged in entries]
    return table(head, rows, right=range(4, len(head)))


def _compared(where: str, judged: Judged) -> tuple[str, ...]:
    result, plan, written = judged.result, judged.result.strategy, money if judged.in_money else seconds
    found = judged.evaluation
    return (
        shortened(where, _DEVICE_LETTERS),
        shortened(result.formulation, _DEVICE_LETTERS),
        result.cost_model,
        result.status.value,
        "-" if result.objective is None else written(result.objective),
        "-" if result.bound is None else written(result.bound),
        percent(result.gap),
        seconds(found.simulated_step_time if found else None),
        f"{plan.tensor_parallel}/{plan.data_parallel}/{plan.pipeline_parallel}/{plan.microbatch_size}" if plan else "-",
        seconds(result.runtime_s),
    )


def _relative(judged: Judged, base: Judged) -> str:
    value, reference = judged.result.objective, base.result.objective
    comparable = judged.result.cost_model == base.result.cost_model
    return f"{value / reference:.4f}" if value is not None and reference and comparable else "-"


def bounds(prepass: Prepass) -> Markup:
    """Return what no plan is faster than, and why."""
    if prepass.refusal:
        return element("p", f"No bound before the search: {shortened(prepass.refusal)}.", class_="note")
    if not math.isfinite(prepass.lower_bound):
        return element("p", "No degrees are possible: there is no plan.", class_="warning")
    return _reasons(replace(prepass, ranked=refined(prepass)))


def _reasons(prepass: Prepass) -> Markup:
    first = prepass.candidates[0]
    rows = [(entry.name, seconds(entry.value), entry.reason) for entry in sorted(first.bounds, key=lambda b: -b.value)]
    return joined(
        (
            element(
                "p",
                f"Before any search: no plan takes less than {seconds(prepass.lower_bound)} per step. Of "
                f"{len(prepass.candidates):,} choices of degrees, {first.degrees} could be the fastest:",
            ),
            table(("bound", "at least", "reason"), rows, right=(1,)),
        )
    )


def plan(where: str, judged: Judged, most_boxes: int, most_rows: int) -> Iterator[Markup]:
    """Yield what there is to say and to draw about one result."""
    result, found = judged.result, judged.evaluation
    yield element("h2", f"{result.formulation}: {result.status.value}")
    yield element("p", where, class_="faint")
    yield from (element("p", doubt, class_="warning") for doubt in doubts(judged))
    if found is not None:
        yield pairs(_facts(judged, found))
    if result.notes:
        yield element("ul", *(element("li", shortened(note, 400)) for note in result.notes[:20]), class_="faint")
    yield from (figure_markup(figure) for figure in training_figures(judged, TRAINING_FIGURES, most_boxes))
    if found is not None:
        yield from _stages(judged, found, most_rows)


def _facts(judged: Judged, found: Evaluation) -> Iterator[tuple[str, str]]:
    yield "step time", f"{seconds(found.step_time)}, simulated {seconds(found.simulated_step_time)}"
    yield "throughput", f"{found.throughput or 0:,.0f} tokens/s"
    if found.price is not None:
        yield "price", f"{money(found.price)} per step"
    yield "limited by", found.limiting or "-"
    if (bound := judged.result.bound) is not None:
        written = money if judged.in_money else seconds
        yield "proved", f"no plan of the searched space is below {written(bound)}, gap {percent(judged.result.gap)}"


def doubts(judged: Judged) -> tuple[str, ...]:
    """Return what the judge does not confirm, and every rule that the plan breaks."""
    return (*unconfirmed(judged), *(judged.evaluation.violations[:20] if judged.evaluation else ()))


def unconfirmed(judged: Judged) -> tuple[str, ...]:
    """Return a sentence where a plan costs something else than is claimed."""
    found, claimed = judged.evaluation, judged.result.objective
    if found is None or claimed is None:
        return ()
    unit, value = ("money", found.price) if judged.in_money else ("s", found.step_time)
    if value is not None and abs(claimed - value) <= TOLERANCE * abs(value):
        return ()
    return (f"claimed {claimed:.12g} {unit}, recomputed {value:.12g} {unit}",)


def _stages(judged: Judged, found: Evaluation, most_rows: int) -> Iterator[Markup]:
    """Yield the plan as a table."""
    strategy = judged.result.strategy
    assert strategy is not None
    head = ("stage", "layers", "tensor", "data", "per microbatch", "transfer", "synchronise", "memory", "devices")
    shown = list(enumerate(strategy.stages))[:most_rows]
    more = len(strategy.stages) - len(shown)
    yield folded(
        "The plan as a table",
        len(shown),
        table(head, [_row(number, stage, found) for number, stage in shown], right=range(8)),
        element("p", f"{more} more stages are not listed.", class_="note") if more else "",
    )


def _row(number: int, stage: Stage, found: Evaluation) -> tuple[str, ...]:
    addresses = [device for group in stage.replicas for device in group]
    named = devices(addresses[:_ADDRESSES]) + (" …" if len(addresses) > _ADDRESSES else "")
    return stage_cells(number, stage, found, shortened(named, _DEVICE_LETTERS))
