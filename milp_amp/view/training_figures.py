"""The figures of a result about training: judged first, then drawn."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from milp_amp.bounds.prepass import Prepass
from milp_amp.cost.model import CostModel
from milp_amp.cost.sailor import SailorCost
from milp_amp.errors import PlanError
from milp_amp.judge.evaluate import MAX_SIMULATED_PASSES, evaluate, timeline
from milp_amp.judge.evaluation import Evaluation
from milp_amp.judge.limiting import Limit, limiting_cut
from milp_amp.judge.rules import num_microbatches
from milp_amp.plan.result import Result
from milp_amp.problem.instance import Instance
from milp_amp.view.cluster import cluster_figure
from milp_amp.view.drawing import Figure
from milp_amp.view.layers import layers_figure
from milp_amp.view.memory import memory_figure
from milp_amp.view.progress import progress_figure
from milp_amp.view.timeline import stage_seconds_figure, timeline_figure
from milp_amp.view.units_text import money, seconds

TRAINING_FIGURES = ("timeline", "layers", "memory", "progress", "cluster")


@dataclass(frozen=True, eq=False)
class Judged:
    """A result beside what the judge says about its plan; ``prepass`` is that of its instance and cost model."""

    instance: Instance
    result: Result
    prepass: Prepass

    @property
    def costs(self) -> CostModel:
        """Leaf costs under the result's cost model."""
        return self.prepass.costs

    @cached_property
    def evaluation(self) -> Evaluation | None:
        """What the judge says; ``None`` where there is no plan.

        Raises
        ------
        PlanError
            If the plan breaks a rule without which nothing about it can be drawn.
        """
        strategy = self.result.strategy
        if strategy is None:
            return None
        found = evaluate(self.instance, strategy, costs=self.costs)
        if found.step_time is None:
            raise PlanError(f"{self.instance.name}: {found.violations[0]}")
        return found

    @cached_property
    def limit(self) -> Limit | None:
        """The cut that limits the plan, or the cluster."""
        return limiting_cut(self.instance.cluster, self.costs.network, self.result.strategy, self.evaluation)

    @property
    def in_money(self) -> bool:
        """Whether the claimed objective is a price rather than a step time."""
        found, claimed = self.evaluation, self.result.objective
        if found is None or found.price is None or found.step_time is None or claimed is None:
            return self.instance.objective.minimise == "price"
        return abs(found.price - claimed) < abs(found.step_time - claimed)


def training_figures(judged: Judged, names: tuple[str, ...], most_boxes: int) -> Iterator[Figure]:
    """Yield those of the named figures that there is something to draw in."""
    result, strategy, evaluation = judged.result, judged.result.strategy, judged.evaluation
    for name in names:
        if name == "cluster":
            yield cluster_figure(judged.instance.cluster, judged.limit)
        elif name == "progress":
            written, axis = (money, "price of a step") if judged.in_money else (seconds, "seconds per step")
            if (figure := progress_figure(result.trace, result.runtime_s, written, axis)) is not None:
                yield figure
        elif strategy is None or evaluation is None:
            continue
        elif name == "memory":
            yield memory_figure(evaluation.memory)
        elif name == "layers":
            yield layers_figure(judged.instance, strategy, most_boxes)
        else:
            yield _timeline(judged, evaluation, most_boxes)


def _timeline(judged: Judged, evaluation: Evaluation, most_boxes: int) -> Figure:
    """Draw the step where it can be simulated, else what its stages take."""
    instance, strategy = judged.instance, judged.result.strategy
    assert strategy is not None
    if isinstance(judged.costs, SailorCost):
        return stage_seconds_figure(evaluation, f"cost model {judged.costs.name!r} does not say when what happens")
    passes = num_microbatches(instance, strategy) * strategy.pipeline_parallel
    if passes > MAX_SIMULATED_PASSES:
        return stage_seconds_figure(evaluation, f"{passes:,} passes are too many to be simulated")
    return timeline_figure(timeline(instance, strategy, costs=judged.costs), most_boxes)
