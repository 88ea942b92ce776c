"""What is known before any formulation runs."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from milp_amp.bounds.lower import Bound, Pieces, least_step_time, lower_bounds
from milp_amp.bounds.relaxed import relaxed_path
from milp_amp.cost.model import CostModel, cost_model
from milp_amp.cost.network import ClusterGraph, Cut, measure
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.instance import Instance
from milp_amp.space.boxes import Box
from milp_amp.space.classes import NodeClass, node_classes
from milp_amp.space.columns import Columns, LayerTables, build_columns
from milp_amp.space.configuration import Degrees, Layout, all_degrees, layouts
from milp_amp.space.grid import SlotGrid
from milp_amp.space.pathgraph import PathGraph, restrict

EXPORT_MARGIN = 1e-6
"""How far above the optimum an exported program still keeps its columns: rounding must not lose the optimum."""

RELAXED_EVALUATIONS = 200
"""Shortest paths spent on one relaxed-path bound."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """Degrees with their lower bounds, valid over all placements."""

    degrees: Degrees
    bounds: tuple[Bound, ...]
    refined: bool = False

    @property
    def lower_bound(self) -> float:
        """Strongest of the bounds in seconds."""
        return least_step_time(self.bounds)

    def rank(self) -> tuple[float, Degrees]:
        """Return the key by which candidates are sorted."""
        return self.lower_bound, self.degrees


@dataclass(frozen=True, eq=False)
class ClassCut:
    """What the nodes of one class can send to those of another, and the links that limit it."""

    source: NodeClass
    target: NodeClass
    cut: Cut


@dataclass(frozen=True, eq=False)
class Prepass:
    """Costs, node classes, and the candidates in rising order of their lower bounds."""

    instance: Instance
    costs: CostModel
    classes: tuple[NodeClass, ...]
    tables: LayerTables
    candidates: tuple[Candidate, ...]

    @property
    def lower_bound(self) -> float:
        """Step time in seconds that no plan of the whole space beats; ``inf`` if there is no candidate."""
        return self.candidates[0].lower_bound if self.candidates else math.inf

    @cached_property
    def class_cuts(self) -> tuple[ClassCut, ...]:
        """Minimum cuts between a node of one class and a node of another (or of the same)."""
        graph = ClusterGraph(self.instance.cluster)
        return tuple(
            ClassCut(g, h, graph.cut(g.nodes[0], h.nodes[-1]))
            for g in self.classes
            for h in self.classes
            if g.nodes[0] != h.nodes[-1]
        )

    @cached_property
    def _grids(self) -> dict[tuple[int, int, Layout], SlotGrid]:
        return {}

    def columns(self, degrees: Degrees, layout: Layout) -> Columns:
        """Return the columns of one configuration; grids are shared by all microbatch sizes."""
        key = (degrees.tensor_parallel, degrees.data_parallel, layout)
        if key not in self._grids:
            self._grids[key] = SlotGrid(self.costs, self.classes, *key)
        return build_columns(self.tables, self.classes, degrees, self._grids[key])

    def root(self, degrees: Degrees) -> tuple[Box, float]:
        """Return the box that holds every plan of some degrees, and a lower bound of its ``Σ τ`` in seconds."""
        pieces = Pieces(self.tables, self.classes, degrees)
        return pieces.box(), pieces.fastest_devices()

    def graph_around(self, strategy: Strategy, value: float) -> tuple[PathGraph, Box]:
        """Return the path graph of a plan's configuration with every path that costs at most ``value`` seconds.

        The program over it has the plan as an optimum if the plan is one. Empty if the plan lies outside
        the space.
        """
        t, d, b = strategy.tensor_parallel, strategy.data_parallel, strategy.microbatch_size
        degrees = Degrees(t, d, b, self.instance.workload.global_batch_size // (d * b))
        cutoff = value * (1 + EXPORT_MARGIN)
        graphs = [restrict(self.columns(degrees, layout), *self.root(degrees), cutoff) for layout in layouts(degrees)]
        return max(graphs, key=lambda pair: len(pair[0].columns))

    def refine(self, candidate: Candidate, enough: float = math.inf) -> Candidate:
        """Return the candidate with the relaxed path's bound, no stronger than ``enough`` seconds needs."""
        bound = relaxed_path(self.tables, self.classes, candidate.degrees, enough, RELAXED_EVALUATIONS)
        return Candidate(candidate.degrees, (*candidate.bounds, bound), refined=True)

    def open(self, candidate: Candidate, cutoff: float) -> Iterator[tuple[float, "Candidate | Columns"]]:
        """Yield, with bounds, what a candidate becomes: first refined, then the columns of its layouts."""
        if not candidate.refined:
            better = self.refine(candidate, cutoff)
            yield better.lower_bound, better
            return
        for layout in layouts(candidate.degrees):
            columns = self.columns(candidate.degrees, layout)
            if columns.compositions:
                yield candidate.lower_bound, columns


def prepare(instance: Instance, cost_model_name: str = "pipeline") -> Prepass:
    """Compute max flows, classes and the cheap lower bounds of every candidate."""
    network = measure(instance.cluster)
    costs = cost_model(cost_model_name, instance, network)
    classes = node_classes(instance.cluster, network)
    tables = LayerTables(costs)
    candidates = [Candidate(each, lower_bounds(tables, classes, each)) for each in all_degrees(costs, classes)]
    return Prepass(instance, costs, classes, tables, tuple(sorted(candidates, key=Candidate.rank)))


def refined(prepass: Prepass) -> tuple[Candidate, ...]:
    """Return the candidates with the leading ones refined until the least bound is a refined one.

    The first one's bound is then the bound of the whole space of placements.
    """
    done: list[Candidate] = []
    waiting = list(prepass.candidates)
    while waiting and (not done or waiting[0].lower_bound < min(c.lower_bound for c in done)):
        done.append(prepass.refine(waiting.pop(0)))
    return tuple(sorted([*done, *waiting], key=Candidate.rank))
