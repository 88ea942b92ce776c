"""Placement by best-bound search over cells: any cluster, any tensor degree in each stage.

Question. Data degree ``d``, microbatch size ``b``, stages, the tensor degree and the devices of each, all at once,
for the least step time, or the least price of a step, under limits of both.

Mathematics. For a configuration ``c = (d, b)`` a plan is a path of stages over places (``space.chain``). A *cell* is
a configuration with a range ``[W₁, W₂]`` of the bottleneck and ``[S₁, S₂]`` of the synchronisation. Inside it stages
and links above the ceilings vanish and a plan costs at least

    max_λ  P(λ) + (m − 1) W₁ + S₁ + U₁       P: shortest path under prices λ on the devices (``space.priced``)

so the granular bottleneck, which a linear relaxation averages away, has become a filter. All cells of all
configurations lie on one best-bound heap under one incumbent. A cell is

* split across W or S while its range is worth more than ``NARROW`` of its bound;
* otherwise closed by exact label setting with the priced paths as completion bounds (``space.labels``), first with a
  narrow beam, whose least dropped bound is the cell's new bound, then with wider ones.

Where prices matter a configuration is first cut into brackets of the rent (``space.terms``); a cell is searched by its
step time, and its plans are worth what the terms say.

Places that no path below the cutoff can use are eliminated for good when a configuration is opened.

Exact over the places of ``space.places`` (per-byte cost models) or ``space.sailor_places``.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from milp_amp.bounds.prepass import Prepass
from milp_amp.cost.network import FloatArray
from milp_amp.engine.export import check_suffix
from milp_amp.engine.limits import Limits
from milp_amp.engine.search import BestFirst, Search
from milp_amp.engine.versions import versions
from milp_amp.plan.result import Result
from milp_amp.problem.instance import Instance
from milp_amp.space.bill import Bill
from milp_amp.space.boxes import Box
from milp_amp.space.chain import IntArray
from milp_amp.space.labels import Usage, pack, set_labels
from milp_amp.space.priced import PricedPaths
from milp_amp.space.terms import Terms
from milp_amp.space.worlds import Configuration, World, world

BoolArray = npt.NDArray[np.bool_]

NARROW = 0.004
"""Width of a cell, over its bound, below which labels are set in it."""

NARROWER = 0.0005
"""The same where labels cannot close the cell, since places were left out: the bound has to do."""

WORTH_TRYING = 0.97
"""Bound of a configuration, over the best plan, above which no first plans are looked for in it."""

FIRST_BEAM, WIDER = 1_000, 8
"""Labels per first layer when a cell is closed for the first time, and the factor for every further time."""

FEW_PLACES = 120
"""Places among which the first plans of a configuration are looked for."""

SMALL = 1_000
"""Places times layers up to which labels are set in a whole configuration: where there is no plan, no cell tells."""

STEPS = 30
"""Subgradient steps in a cell."""

SLICE, SLICES = 1.08, 24
"""Ratio of the ceilings under which the first plans of a configuration are looked for, and how many there are."""

HOPELESS = 5.0
"""Bound of a slice, over its configuration's, above which no plan is looked for in it: there may be none."""

FIRST_PLANS_BEAM, PATIENCE = 100, 4
"""Beam of the labels that look for first plans, and the ceilings in a row that may bring nothing."""


@dataclass(frozen=True, eq=False)
class _Searched:
    """The places of a configuration that labels are set on; ``numbers`` are theirs among all places."""

    paths: PricedPaths
    usage: Usage
    numbers: IntArray
    bill: Bill | None

    def among(self, chosen: BoolArray) -> "_Searched":
        """Return the same over some of the places."""
        if chosen.all():
            return self
        chain = self.paths.chain.subset(chosen)
        bill = self.bill and self.bill.subset(chosen)
        return _Searched(PricedPaths(chain), pack(chain), self.numbers[chosen], bill)


@dataclass(frozen=True, eq=False)
class _Bracket:
    """The plans of a configuration whose rent lies in the bracket of the terms."""

    configuration: Configuration
    terms: Terms


@dataclass(frozen=True, eq=False)
class _Open:
    """A bracket: paths that bound all its plans, and those that are searched.

    ``complete`` says that they are the same.
    """

    bracket: _Bracket
    bounding: PricedPaths
    searched: _Searched
    complete: bool


@dataclass(frozen=True, eq=False)
class _Cell:
    """A box of a bracket, with the best prices of the box it was cut from, and a step time that no plan in it beats."""

    opened: _Open
    box: Box
    prices: FloatArray
    step_time: float
    beam: int = FIRST_BEAM


def solve(instance: Instance, bounds: Prepass, limits: Limits) -> Result:
    """Search all configurations and cells, least bound first."""
    check_suffix(limits.export_program, "placement_search", ())
    search = Search(limits)
    places = world(bounds.costs, bounds.classes)
    runner = _Runner(search, places)
    heap = BestFirst[_Bracket | _Cell](search, runner.expand)
    for configuration in places.configurations():
        terms = places.terms(configuration)
        if configuration.lower_bound < terms.seconds(math.inf) and not terms.empty:
            heap.push(terms.value(configuration.lower_bound), _Bracket(configuration, terms))
    exhausted = heap.run()
    return search.result(
        instance=instance.name,
        formulation="placement_search",
        cost_model=bounds.costs.name,
        exhausted=exhausted,
        versions=versions("numpy", "numba"),
    )


@dataclass(eq=False)
class _Runner:
    """Opens configurations and cells."""

    search: Search
    world: World

    def expand(self, bound: float, cell: _Bracket | _Cell) -> Iterator[tuple[float, _Bracket | _Cell | None]]:
        if isinstance(cell, _Bracket):
            return self._open(bound, cell)
        return self._cut(cell)

    def _cutoff(self, terms: Terms) -> float:
        """Return the step time below which a plan of a bracket may be worth having."""
        return terms.seconds(self.search.cutoff)

    def _open(self, bound: float, bracket: _Bracket) -> Iterator[tuple[float, _Bracket | _Cell | None]]:
        """Bound a bracket; halve it while it is wide, then eliminate places, look for first plans, yield its cell."""
        configuration, terms = bracket.configuration, bracket.terms
        placed = self.world.chain(configuration)
        if placed is None:
            return
        if placed.truncated and placed.relaxed is None:
            yield bound, None
        placed = placed.below(terms.ceiling)
        bounding = PricedPaths(placed.relaxed or placed.chain)
        cutoff = min(self._cutoff(terms), bounding.worst)
        floor = max(bounding.least_bottleneck(), configuration.bottleneck)
        box = Box(bottleneck_floor=floor, synchronisation_floor=bounding.least_synchronisation())
        value, prices = bounding.improve(np.zeros(len(bounding.chain.capacity)), box, cutoff, STEPS // 2)
        if value >= cutoff:
            return
        if terms.wide:
            yield from ((half.value(value), _Bracket(configuration, half)) for half in terms.halves())
            return
        alive = bounding.through(prices, box) < cutoff
        numbers = np.arange(placed.chain.num_places)
        every = _Searched(PricedPaths(placed.chain), pack(placed.chain), numbers, placed.bill)
        through = every.paths.through(prices, box)
        if not (through < cutoff).any():
            if placed.relaxed is not None:
                yield terms.value(value), None
            return
        searched = every.among(through < cutoff)
        if placed.relaxed is None:
            opened = _Open(bracket, searched.paths, searched, complete=True)
        else:
            opened = _Open(bracket, PricedPaths(bounding.chain.subset(alive)), searched, complete=False)
        few = searched.among(_least(through[through < cutoff], FEW_PLACES))
        self._first_plans(replace(opened, searched=few), box, prices, max(value, configuration.lower_bound))
        if value < self._cutoff(terms) and opened.complete and searched.paths.chain.update.size <= SMALL:
            value = max(value, self._label(opened, box, prices, FIRST_BEAM))
        if value < self._cutoff(terms):
            yield terms.value(value), _Cell(opened, box, prices, value)

    def _first_plans(self, opened: _Open, box: Box, prices: FloatArray, value: float) -> None:
        """Set labels with a narrow beam under rising ceilings of W, until they find nothing better any more."""
        search, paths, terms = self.search, opened.searched.paths, opened.bracket.terms
        weight, ceiling, failures, found = paths.chain.weight, box.bottleneck_floor, 0, False
        if value > WORTH_TRYING * terms.seconds(search.value):
            return
        for _ in range(SLICES):
            floor, ceiling = ceiling, ceiling * SLICE if weight > 0 and ceiling > 0 else math.inf
            piece = replace(box, bottleneck_floor=floor, bottleneck=ceiling)
            enough = min(self._cutoff(terms), paths.worst, HOPELESS * value)
            bound, better = paths.improve(prices, piece, enough, STEPS)
            if search.stopped or value + weight * (floor - box.bottleneck_floor) >= self._cutoff(terms):
                return
            before = search.value
            if bound < enough:
                prices = better
                self._label(opened, piece, prices, FIRST_PLANS_BEAM)
            found = found or search.value < before
            failures = 0 if search.value < before else failures + 1
            if math.isinf(ceiling) or (found and failures > PATIENCE):
                return

    def _label(self, opened: _Open, box: Box, prices: FloatArray, beam: int) -> float:
        """Set labels in a box; return the least step time of what they did not search."""
        searched, bracket = opened.searched, opened.bracket
        found = set_labels(
            searched.paths, searched.usage, prices, box, self.search.value, beam, searched.bill, bracket.terms
        )
        if found.stages:
            stages = tuple(replace(stage, place=int(searched.numbers[stage.place])) for stage in found.stages)
            self.search.improve(found.value, self.world.strategy(bracket.configuration, stages))
        return found.dropped

    def _cut(self, cell: _Cell) -> Iterator[tuple[float, _Cell | None]]:
        """Bound a cell better; split it while it is wide, then set labels in it."""
        opened, terms = cell.opened, cell.opened.bracket.terms
        paths, box, cutoff = opened.bounding, cell.box, self._cutoff(terms)
        enough = min(cutoff, paths.worst)
        priced, prices = paths.improve(cell.prices, box, enough, STEPS)
        value = max(priced, cell.step_time)
        if value >= enough:
            return
        # Only what prices prove is a sum of seconds and floors: a cell's step time may come from its labels.
        if math.isfinite(cutoff):
            box = box.below(cutoff - paths.least_update, priced - paths.bound(box, 0.0), paths.chain.weight)
        if box.empty:
            return
        parts = _parts(box, priced, paths.chain.weight, NARROW if opened.complete else NARROWER)
        for part, least in parts:
            least = max(least, value)
            yield terms.value(least), replace(cell, box=part, prices=prices, step_time=least)
        if parts:
            return
        dropped = self._label(opened, box, prices, cell.beam)
        if not opened.complete:
            yield terms.value(value), None
        elif dropped < self._cutoff(terms):
            least = max(value, dropped)
            rest = replace(cell, box=box, prices=prices, step_time=least, beam=cell.beam * WIDER)
            yield terms.value(least), rest


def _least(values: FloatArray, count: int) -> BoolArray:
    """Return which values are among the least ``count``, or equal to them."""
    if len(values) <= count:
        return np.ones(len(values), np.bool_)
    chosen: BoolArray = values <= np.partition(values, count)[count]
    return chosen


def _parts(box: Box, value: float, weight: int, narrow: float) -> list[tuple[Box, float]]:
    """Return the two halves of a wide box with their bounds; nothing for a narrow one."""
    late = weight * (box.bottleneck - box.bottleneck_floor) if weight else 0.0
    slow = box.synchronisation - box.synchronisation_floor
    if max(late, slow) <= narrow * value:
        return []
    if late >= slow:
        middle = _middle(box.bottleneck_floor, box.bottleneck)
        low, high = replace(box, bottleneck=middle), replace(box, bottleneck_floor=middle)
        return [(low, value), (high, value + weight * (middle - box.bottleneck_floor))]
    middle = _middle(box.synchronisation_floor, box.synchronisation)
    low, high = replace(box, synchronisation=middle), replace(box, synchronisation_floor=middle)
    return [(low, value), (high, value + middle - box.synchronisation_floor)]


def _middle(low: float, high: float) -> float:
    if math.isfinite(high):
        return 0.5 * (low + high)
    return low * (1 + 10 * NARROW) if low > 0 else 1e-3
