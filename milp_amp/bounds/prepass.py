"""What is known before any formulation runs."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from milp_amp.bounds.lower import Bound, Pieces, least_step_time, lower_bounds
from milp_amp.bounds.relaxed import Relaxation, never
from milp_amp.cost.graph import ClusterGraph, Cut
from milp_amp.cost.model import CostModel, cost_model
from milp_amp.cost.network import measure
from milp_amp.cost.sailor import SailorCost
from milp_amp.errors import FormulationError
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.instance import Instance
from milp_amp.space.boxes import Box
from milp_amp.space.classes import NodeClass, node_classes
from milp_amp.space.columns import Columns, LayerTables, build_columns
from milp_amp.space.configuration import Degrees, Layout, all_degrees, layouts
from milp_amp.space.grid import SlotGrid, Vector, usable_slots
from milp_amp.space.order import Order, orders
from milp_amp.space.pathgraph import PathGraph, restrict
from milp_amp.space.restriction import restricted_counts

EXPORT_MARGIN = 1e-6
"""How far above the optimum an exported program still keeps its columns: rounding must not lose the optimum."""

_EXPECTED = "which this formulation cannot search; expected the least step time under amp or pipeline"

_PLACES_ALONE = "stages are laid onto slots wherever nodes end; expected a formulation about placements"

RELAXED_EVALUATIONS = 200
"""Shortest paths spent on one relaxed-path bound."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """Degrees with their lower bounds, valid over all placements.

    Attributes
    ----------
    box
        The ranges of W and S that every plan lies in.
    seconds
        A lower bound of every plan's ``Σ τ + Σ κ``.
    """

    degrees: Degrees
    bounds: tuple[Bound, ...]
    box: Box
    seconds: float
    refined: bool = False

    @property
    def lower_bound(self) -> float:
        """Strongest of the bounds in seconds."""
        return least_step_time(self.bounds)

    def rank(self) -> tuple[float, Degrees]:
        """Return the key by which candidates are sorted."""
        return self.lower_bound, self.degrees


@dataclass(frozen=True, eq=False)
class Region:
    """The plans of one configuration whose W and S lie in a box; their ``Σ τ + Σ κ`` is at least ``seconds``."""

    columns: Columns
    box: Box
    seconds: float

    @property
    def bound(self) -> float:
        """Return the least step time of the region's plans, by its floors alone."""
        return self.box.bound(self.seconds, self.columns.weight)

    def within(self, box: Box) -> "Region":
        """Return the part of the region in a smaller box."""
        return replace(self, box=box)

    def restrict(self, cutoff: float) -> tuple[PathGraph, Box]:
        """Return the path graph of what can cost less than ``cutoff``, and its box."""
        return restrict(self.columns, self.box, self.seconds, cutoff)


@dataclass(frozen=True, eq=False)
class ClassCut:
    """What the nodes of one class can send to those of another, and the links that limit it."""

    source: NodeClass
    target: NodeClass
    cut: Cut


@dataclass(frozen=True, eq=False)
class Prepass:
    """Node classes, layer tables, and the candidates in rising order of their lower bounds.

    Tables and candidates are those of the least step time under costs per byte. For other questions ``refusal`` says
    why there are none, and asking for them raises it.
    """

    classes: tuple[NodeClass, ...]
    costs: CostModel
    layer_tables: LayerTables | None = None
    ranked: tuple[Candidate, ...] = ()
    refusal: str = ""

    @property
    def tables(self) -> LayerTables:
        """Layer tables of costs per byte.

        Raises
        ------
        FormulationError
            If the cost model has none, or something else than the least step time is asked for.
        """
        if self.layer_tables is None:
            raise FormulationError(self.refusal)
        return self.layer_tables

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """All degrees in rising order of their lower bounds; raises as ``tables`` does."""
        if self.layer_tables is None:
            raise FormulationError(self.refusal)
        return self.ranked

    @property
    def instance(self) -> Instance:
        """The question."""
        return self.costs.instance

    @property
    def lower_bound(self) -> float:
        """Step time in seconds that no plan of the whole space beats.

        ``inf`` if there is no candidate; 0 where there are no candidates to know it from.
        """
        if self.layer_tables is None:
            return 0.0
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

    def grid(self, degrees: Degrees, layout: Layout) -> SlotGrid:
        """Return the slots of one configuration; all microbatch sizes share them."""
        key = (degrees.tensor_parallel, degrees.data_parallel, layout)
        if key not in self._grids:
            self._grids[key] = SlotGrid(self.tables.costs, self.classes, *key)
        return self._grids[key]

    def columns(self, degrees: Degrees, layout: Layout) -> Columns:
        """Return the columns of one configuration, whatever restrictions say about the order of stages."""
        return build_columns(self.tables, self.classes, degrees, self.grid(degrees, layout))

    def graph_around(self, strategy: Strategy, value: float) -> tuple[PathGraph, Box]:
        """Return the path graph of a plan's configuration with every path that costs at most ``value`` seconds.

        The program over it has the plan as an optimum if the plan is one.

        Raises
        ------
        FormulationError
            If no path of the searched space costs as little: the plan lies outside of it.
        """
        t, d, b = strategy.tensor_parallel, strategy.data_parallel, strategy.microbatch_size
        degrees = Degrees(t, d, b, self.instance.workload.global_batch_size // (d * b))
        graphs = [
            region.restrict(value * (1 + EXPORT_MARGIN))
            for candidate in self.candidates
            if candidate.degrees == degrees
            for region in self._regions(candidate)
            if region.columns.order is None or region.columns.order.ends(strategy.pipeline_parallel)
        ]
        graph, box = max(graphs, key=lambda pair: len(pair[0].columns), default=(None, Box()))
        if graph is None or not graph.columns:
            raise FormulationError("export_program: the plan lies outside the searched space, expected one inside")
        return graph, box

    def refine(self, candidate: Candidate, enough: float = math.inf, stopped: Callable[[], bool] = never) -> Candidate:
        """Return the candidate with the bounds of its relaxed paths, no stronger than ``enough`` seconds needs.

        Where ``stopped`` turns true they are weaker, but hold all the same.
        """
        weight = candidate.degrees.num_microbatches - 1
        try:
            relaxation = Relaxation(self.tables, self.classes, candidate.degrees)
        except FormulationError:  # too many classes: the cheap bounds have to do
            return replace(candidate, refined=True)
        balance = relaxation.chain_balance(candidate.box)
        box = replace(candidate.box, bottleneck_floor=max(balance, candidate.box.bottleneck_floor))
        chain = Bound("chain balance", box.bound(candidate.seconds, weight), "the min-max partition as bottleneck")
        path = Bound(
            "relaxed path",
            max(chain.value, relaxation.least_step_time(box, enough, RELAXED_EVALUATIONS, stopped)),
            "cheapest path when every stage has the best place in the cluster",
        )
        return replace(candidate, bounds=(*candidate.bounds, chain, path), box=box, refined=True)

    def open(
        self, candidate: Candidate, cutoff: float, stopped: Callable[[], bool]
    ) -> Iterator[tuple[float, "Candidate | Region | None"]]:
        """Yield, with bounds, what a candidate becomes: first refined, then the regions of its layouts.

        ``None`` stands for the plans that are not searched where there are too many compositions.
        """
        if not candidate.refined:
            better = self.refine(candidate, cutoff, stopped)
            yield better.lower_bound, better
            return
        yield from ((max(candidate.lower_bound, region.bound), region) for region in self._regions(candidate))
        if any(self.grid(candidate.degrees, layout).truncated for layout in layouts(candidate.degrees)):
            yield candidate.lower_bound, None

    def device_types(self, composition: Vector) -> list[str]:
        """Return the device types of a stage that takes so much of every class."""
        return [kind.device_type for kind, taken in zip(self.classes, composition, strict=True) if taken > 0]

    def _regions(self, candidate: Candidate) -> Iterator[Region]:
        """Yield the paths of a candidate, by layout and, where restrictions ask, by their number of stages."""
        for layout in layouts(candidate.degrees):
            columns = self.columns(candidate.degrees, layout)
            if not columns.compositions:
                continue
            for order in self._orders(columns):
                region = Region(columns.ordered(order), candidate.box, candidate.seconds)
                yield region if order is None else self._tightened(region, order.counts)

    def _orders(self, columns: Columns) -> Iterator[Order | None]:
        """Yield what restrictions say about the order of stages: one answer, or one per number of stages."""
        kinds = [[g.mark for g, n in zip(self.classes, taken, strict=True) if n > 0] for taken in columns.compositions]
        return orders(self.instance.restrictions, columns.num_layers, columns.grid.max_stages, kinds)

    def _tightened(self, region: Region, stages: tuple[int, ...]) -> Region:
        """Return a region with the floors that its numbers of stages allow."""
        pieces = Pieces(self.tables, self.classes, region.columns.degrees, stages)
        floor = max(region.box.bottleneck_floor, pieces.mean_stage())
        seconds = max(region.seconds, pieces.fastest_devices() + pieces.transfers())
        return replace(region, box=replace(region.box, bottleneck_floor=floor), seconds=seconds)


def prepare(instance: Instance, cost_model_name: str = "pipeline") -> Prepass:
    """Compute max flows, classes and the cheap lower bounds of every candidate."""
    network = measure(instance.cluster)
    costs = cost_model(cost_model_name, instance, network)
    classes = node_classes(instance.cluster, network, instance.restrictions)
    if isinstance(costs, SailorCost):
        return Prepass(classes, costs, refusal=f"cost model {costs.name!r}: its costs are not per byte, {_EXPECTED}")
    if not instance.objective.is_least_time:
        return Prepass(classes, costs, refusal=f"objective: prices or limits of a step, {_EXPECTED}")
    if instance.restrictions.compact_stages:
        return Prepass(classes, costs, refusal=f"restrictions.compact_stages: {_PLACES_ALONE}")
    tables = LayerTables(costs)
    candidates = [_candidate(tables, classes, degrees) for degrees in all_degrees(costs, classes)]
    return Prepass(classes, costs, tables, tuple(sorted(candidates, key=Candidate.rank)))


def _candidate(tables: LayerTables, classes: tuple[NodeClass, ...], degrees: Degrees) -> Candidate:
    slots = sum(usable_slots(tables.costs, classes, degrees.tensor_parallel))
    most_stages = min(slots // degrees.data_parallel, tables.num_layers)
    pieces = Pieces(tables, classes, degrees, restricted_counts(tables.costs.instance.restrictions, most_stages))
    return Candidate(degrees, lower_bounds(pieces), pieces.box(), pieces.fastest_devices() + pieces.transfers())


def refined(prepass: Prepass) -> tuple[Candidate, ...]:
    """Return the candidates with the leading ones refined until the least bound is a refined one.

    The first one's bound is then the bound of the whole space of placements.
    """
    done: list[Candidate] = []
    waiting = list(prepass.candidates)
    while waiting and (not done or waiting[0].lower_bound < min(c.lower_bound for c in done)):
        done.append(prepass.refine(waiting.pop(0)))
    return tuple(sorted([*done, *waiting], key=Candidate.rank))
