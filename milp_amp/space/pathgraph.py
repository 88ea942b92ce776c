"""The path graph of one configuration: the sets that its mathematical programs are written over.

Positions matter to costs only through their phase, so the graph's states carry phases, and the number
of slots left is a row of the program (Hall's condition: with the composition of every stage spelled out,
one row per class says it all).

* A *place* ``(i, φ, c)``: a stage of composition ``c`` that ends at boundary ``i`` and is put at phase ``φ``.
* A *column* leads from the place at its last boundary to the *state* ``(i, φ + c, c)`` at its first.
* A *join* leads from a state to a place of the stage before it, over one boundary, at ``κ`` seconds.

Where restrictions ask for the number or the index of stages, places and states carry their level as well: the
number of stages behind them. Columns are then only where their stage is allowed, and paths as long as they may be.

Columns and joins above the ceilings are left out, then whatever lies on no path that can beat the cutoff.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, TypeVar

from milp_amp.errors import EngineError, FormulationError
from milp_amp.space.boxes import Box
from milp_amp.space.columns import Columns
from milp_amp.space.grid import Vector, add
from milp_amp.space.path import Path, Step, path_of

MAX_EXPLORED = 200_000
"""Columns and joins that are looked at before those that cannot matter are left out."""

MAX_ARCS = 50_000
"""Columns and joins above which a program is refused: building it takes seconds and half a gigabyte."""


class Node(NamedTuple):
    """A place or a state: boundary, phase, index of the composition; stages behind it where they matter, else 0."""

    layer: int
    phase: Vector
    composition: int
    level: int = 0


class Column(NamedTuple):
    """Layers ``[start, stop)`` from a place to a state; ``τ`` and ``σ`` in seconds."""

    start: int
    stop: int
    place: Node
    state: Node
    tau: float
    sigma: float
    stages_to_end: int


class Join(NamedTuple):
    """A transfer from the stage placed at ``place`` to the one that begins at ``state``; ``κ`` in seconds."""

    state: Node
    place: Node
    kappa: float


@dataclass(frozen=True, eq=False)
class PathGraph:
    """Columns and joins that can lie on a path better than the cutoff."""

    source: Columns
    columns: tuple[Column, ...]
    joins: tuple[Join, ...]

    @cached_property
    def slowest(self) -> float:
        """Seconds of the slowest column or join: no bottleneck is longer."""
        return max((*(column.tau for column in self.columns), *(join.kappa for join in self.joins)), default=0.0)

    @cached_property
    def entering(self) -> dict[Node, list[int]]:
        """Indices of the columns that lead to each state."""
        return _group(self.columns, lambda column: column.state)

    @cached_property
    def placed(self) -> dict[Node, list[int]]:
        """Indices of the columns that begin at each place."""
        return _group(self.columns, lambda column: column.place)

    @cached_property
    def leaving(self) -> dict[Node, list[int]]:
        """Indices of the joins that leave each state."""
        return _group(self.joins, lambda join: join.state)

    @cached_property
    def arriving(self) -> dict[Node, list[int]]:
        """Indices of the joins that arrive at each place."""
        return _group(self.joins, lambda join: join.place)

    def uses(self, column: Column) -> Vector:
        """Return what a column takes of every class."""
        return self.source.compositions[column.place.composition]

    def path(self, chosen: Iterable[Column]) -> Path:
        """Return the path of the chosen columns; positions follow from their order.

        Raises
        ------
        EngineError
            If they do not cover the chain, each layer once: a solver's answer need not be one.
        """
        steps: list[Step] = []
        position: Vector = (0,) * len(self.source.grid.capacity)
        backwards = sorted(chosen, key=lambda c: -c.stop)
        boundaries = [self.source.num_layers, *(column.start for column in backwards)]
        if boundaries != [*(column.stop for column in backwards), 0]:
            raise EngineError(f"{self.source.degrees}: a solver's answer is no path, its stages begin at {boundaries}")
        for column in backwards:
            steps.append(Step(column.start, column.stop, self.uses(column), position))
            position = add(position, self.uses(column))
        return path_of(self.source, tuple(reversed(steps)))


def build_graph(source: Columns, box: Box, cutoff: float) -> PathGraph:
    """Return the path graph under the ceilings of a box, without what cannot beat the cutoff.

    Raises
    ------
    FormulationError
        If there are more than ``MAX_EXPLORED`` columns and joins, or more than ``MAX_ARCS`` are left.
    """
    columns, joins = _explore(source, box)
    room = cutoff - source.weight * box.bottleneck_floor - box.synchronisation_floor
    graph = _prune(PathGraph(source, tuple(columns), tuple(joins)), box, room)
    _refuse_more_than(MAX_ARCS, len(graph.columns) + len(graph.joins), source)
    return graph


def _refuse_more_than(most: int, arcs: int, source: Columns) -> None:
    if arcs > most:
        raise FormulationError(f"{source.degrees}: over {most} columns and joins, expected a smaller program")


def restrict(source: Columns, box: Box, seconds: float, cutoff: float) -> tuple[PathGraph, Box]:
    """Return what a box can hold below the cutoff when ``Σ τ + Σ κ`` is at least ``seconds``, and the smaller box.

    Its bottleneck has a ceiling even where there is no incumbent to give it one: the slowest arc.
    """
    part = box.below(cutoff, seconds, source.weight)
    if part.empty:
        return PathGraph(source, (), ()), part
    graph = build_graph(source, part, cutoff)
    return graph, replace(part, bottleneck=min(part.bottleneck, max(graph.slowest, part.bottleneck_floor)))


def _explore(source: Columns, box: Box) -> tuple[list[Column], list[Join]]:
    """Breadth first from the end of the chain, boundary by boundary."""
    size, grid = source.num_layers, source.grid
    columns: list[Column] = []
    joins: list[Join] = []
    states: dict[int, set[Node]] = defaultdict(set)
    zero: Vector = (0,) * len(grid.capacity)
    for stop in range(size, 0, -1):
        if stop == size:
            places = {Node(stop, zero, c) for c in range(len(source.compositions))}
        else:
            fresh = [join for state in sorted(states[stop]) for join in _joins_at(source, box, state)]
            joins += fresh
            places = {join.place for join in fresh}
        for place in sorted(places):
            for column in _columns_at(source, box, place):
                columns.append(column)
                states[column.start].add(column.state)
        _refuse_more_than(MAX_EXPLORED, len(columns) + len(joins), source)
    return columns, joins


def _joins_at(source: Columns, box: Box, state: Node) -> Iterator[Join]:
    grid, later = source.grid, source.compositions[state.composition]
    before = grid.phase(tuple(u - n for u, n in zip(state.phase, later, strict=True)))
    for c, earlier in enumerate(source.compositions):
        kappa = source.kappa(state.layer, before, earlier, later)
        if math.isfinite(kappa) and not (source.links_are_stations and kappa > box.bottleneck):
            yield Join(state, Node(state.layer, state.phase, c, state.level), kappa)


def _columns_at(source: Columns, box: Box, place: Node) -> Iterator[Column]:
    grid, composition = source.grid, source.compositions[place.composition]
    after = grid.phase(add(place.phase, composition))
    order, level = source.order, place.level + (source.order is not None)
    for start in range(place.layer - 1, -1, -1):
        tau = float(source.stage_seconds[place.composition, start, place.layer])
        sigma = source.sigma(start, place.layer, place.phase, composition)
        possible = order is None or (
            order.leaves(level, start) and order.allowed(place.level, place.composition, start, place.layer)
        )
        if possible and tau <= box.bottleneck and sigma <= box.synchronisation:
            most = int(source.stages_to_end[place.composition, start, place.layer])
            yield Column(start, place.layer, place, Node(start, after, place.composition, level), tau, sigma, most)


def _prune(graph: PathGraph, box: Box, room: float) -> PathGraph:
    """Drop what lies on no path with ``Σ τ + Σ κ`` within the room the cutoff leaves it.

    A column longer than the bottleneck's floor raises what the pipeline pays per microbatch.
    """
    weight, stations = graph.source.weight, graph.source.links_are_stations
    places_behind, states_behind = _behind(graph)
    places_ahead, states_ahead = _ahead(graph)

    def fits(seconds: float, passing: float, station: bool) -> bool:
        extra = weight * max(0.0, seconds - box.bottleneck_floor) if station else 0.0
        return passing + extra < room

    return PathGraph(
        graph.source,
        tuple(c for c in graph.columns if fits(c.tau, places_behind[c.place] + c.tau + states_ahead[c.state], True)),
        tuple(
            j for j in graph.joins if fits(j.kappa, states_behind[j.state] + j.kappa + places_ahead[j.place], stations)
        ),
    )


Distances = dict[Node, float]


def _behind(graph: PathGraph) -> tuple[Distances, Distances]:
    """Least seconds from the end of the chain up to each place and up to each state."""
    places: Distances = defaultdict(lambda: math.inf)
    states: Distances = defaultdict(lambda: math.inf)
    columns = _group(graph.columns, lambda column: column.stop)
    joins = _group(graph.joins, lambda join: join.state.layer)
    for layer in range(graph.source.num_layers, 0, -1):
        for join in (graph.joins[k] for k in joins.get(layer, ())):
            places[join.place] = min(places[join.place], states[join.state] + join.kappa)
        for column in (graph.columns[k] for k in columns.get(layer, ())):
            if layer == graph.source.num_layers:
                places[column.place] = 0.0
            states[column.state] = min(states[column.state], places[column.place] + column.tau)
    return places, states


def _ahead(graph: PathGraph) -> tuple[Distances, Distances]:
    """Least seconds from each place and from each state on to the beginning of the chain."""
    places: Distances = defaultdict(lambda: math.inf)
    states: Distances = defaultdict(lambda: math.inf)
    columns = _group(graph.columns, lambda column: column.start)
    joins = _group(graph.joins, lambda join: join.state.layer)
    for layer in range(graph.source.num_layers):
        for join in (graph.joins[k] for k in joins.get(layer, ())):
            states[join.state] = min(states[join.state], places[join.place] + join.kappa)
        for column in (graph.columns[k] for k in columns.get(layer, ())):
            if layer == 0:
                states[column.state] = 0.0
            places[column.place] = min(places[column.place], states[column.state] + column.tau)
    return places, states


Item = TypeVar("Item")
Key = TypeVar("Key")


def _group(items: tuple[Item, ...], key: Callable[[Item], Key]) -> dict[Key, list[int]]:
    """Return the indices of the items under each key."""
    groups: dict[Key, list[int]] = {}
    for k, item in enumerate(items):
        groups.setdefault(key(item), []).append(k)
    return groups
