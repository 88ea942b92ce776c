"""Placement by best-bound search over cells: any cluster, any tensor degree in each stage.

Question. Data degree ``d``, microbatch size ``b``, stages, the tensor degree and the devices of each, all at once,
for the least step time, or the least price of a step, under limits of both.

Mathematics. For a configuration ``c = (d, b)`` a plan is a path of stages over places (``space.chain``). A *cell* is
a configuration with a range ``[W₁, W₂]`` of the bottleneck and ``[S₁, S₂]`` of the synchronisation. Inside it stages
and links above the ceilings vanish and a plan costs at least

    max_λ  P(λ) + (m − 1) W₁ + S₁ + U₁       P: shortest path under prices λ on the devices (``space.priced``)

so the granular bottleneck, which a linear relaxation averages away, has become a filter. All cells of all
configurations lie on one best-bound heap under one incumbent. In a cell

* places that no path below the cutoff can use are eliminated, and with them most of what makes it hard;
* exact label setting with the priced paths as completion bounds (``space.labels``) looks for plans with a beam, whose
  least dropped bound is the cell's new bound; if nothing was dropped, the cell is closed;
* otherwise it is split across W or S while its range is worth more than ``NARROW`` of its bound, then searched with
  wider beams.

Plans come from narrow beams in every configuration, among its most promising places and among those of one tensor
degree; from annealing over unlike nodes (``space.annealing``); and from the neighbourhoods of the best plan
(``space.neighbourhood``): labels choose new places for some of its stages and new layers for all.

Where prices matter a configuration is first cut into brackets of the rent (``space.terms``); a cell is searched by its
step time, and its plans are worth what the terms say.

Choices that no answer may be (``limits.without``) are known to the labels alone, which carry what their stages are the
end of (``space.words``): shortest paths bound all plans, so what they close holds for those that are left.

Exact over the places of ``space.places`` (per-byte cost models) or ``space.sailor_places``.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from random import Random

import numpy as np
import numpy.typing as npt

from milp_amp.bounds.prepass import Prepass
from milp_amp.cost.network import FloatArray
from milp_amp.engine.export import check_suffix
from milp_amp.engine.limits import Limits
from milp_amp.engine.search import BestFirst, Child, Later, Search
from milp_amp.engine.versions import versions
from milp_amp.plan.result import Result
from milp_amp.problem.instance import Instance
from milp_amp.space.annealing import Annealed
from milp_amp.space.boxes import Box, parts_of
from milp_amp.space.chain import IntArray
from milp_amp.space.dual import Dual, improve, start
from milp_amp.space.label_store import MAX_LABELS
from milp_amp.space.labels import set_labels
from milp_amp.space.neighbourhood import neighbourhood
from milp_amp.space.priced import PricedPaths
from milp_amp.space.refinement import Relaxed
from milp_amp.space.searched import Searched, everywhere, some
from milp_amp.space.terms import Terms
from milp_amp.space.words import Words, words
from milp_amp.space.worlds import Configuration, Placed, Relaxation, World, world

NARROW = 0.004
"""Width of a cell, over its bound, below which labels are set in it."""

NARROWER = 0.0005
"""The same where labels cannot close the cell, since places were left out: the bound has to do."""

WORTH_TRYING = 0.97
"""Bound of a configuration, over the best plan, above which no first plans are looked for in it."""

FIRST_BEAM, WIDER = 300, 8
"""Labels per first layer when a cell is searched for the first time, and the factor once it is narrow."""

SMALL = 1_000
"""Places times layers up to which labels are set in a whole configuration: where there is no plan, no cell tells."""

STEPS = 30
"""Cutting planes of a cell."""

SHRUNK = 0.8
"""Share of a cell's places that may be left for it to be worth while to forget the others."""

SLICE, SLICES = 1.08, 24
"""Ratio of the ceilings under which the first plans of a configuration are looked for, and how many there are."""

HOPELESS = 10.0
"""Bound of a slice, over its configuration's, above which no plan is looked for in it: there may be none."""

FIRST_PLANS_BEAM, PATIENCE = 300, 4
"""Beam of the labels that look for first plans, and the ceilings in a row that may bring nothing."""

NEIGHBOURS, PAUSE = 20, 10
"""Neighbourhoods of the best plan that may bring nothing in a row, and cells between the others after them."""

REFINED = 2_500
"""Places up to which a narrow cell of relaxed places becomes one of the places they stand for."""

NEIGHBOURS_WORTH = 600_000
"""Places times layers of all neighbourhoods that may bring nothing in a row."""

FIRST_STEPS = 2_500
"""Steps of annealing per node, from every shape, when a configuration is opened."""

STEPS_PER_CELL, GROWTH, LONGEST = 600, 8, 30_000
"""Steps per node that every cell is worth, how many times as long as the next run all before it are, and its most."""

NEAR_ENOUGH = 1.02
"""Ceiling of W, over that of a plan found by annealing, under which labels look for better ones."""

LATEST = 8
"""Programs of cells that are kept: both halves of one have the same."""

NEAR = 500
"""Places up to which a neighbourhood is searched."""


@dataclass(frozen=True, eq=False)
class _Bracket:
    """The plans of a configuration whose rent lies in the bracket of the terms; all of them if ``whole``."""

    configuration: Configuration
    terms: Terms
    whole: bool = False


@dataclass(frozen=True, eq=False)
class _Bounded:
    """A bracket with the prices that bound it, the least step time of its plans, and the one below which they count."""

    bracket: _Bracket
    placed: Placed
    bounding: PricedPaths
    box: Box
    dual: Dual
    step_time: float
    cutoff: float


@dataclass(frozen=True, eq=False)
class _Open:
    """A bracket: paths that bound all its plans, and those that are searched.

    ``few`` are the most promising of the latter, by families. Where they are not all, ``bounding`` is of the places of
    the ``relaxation`` with these ``numbers``.
    """

    bracket: _Bracket
    bounding: PricedPaths
    searched: Searched
    few: tuple[Searched, ...]
    relaxation: Relaxation | None = None
    numbers: IntArray | None = None

    @property
    def complete(self) -> bool:
        """Whether all places are searched."""
        return self.relaxation is None


@dataclass(frozen=True, eq=False)
class _Cell:
    """A box of a bracket, with what is known of the box it was cut from, and a step time that no plan in it beats.

    ``alive`` is a mask of the places searched that its plans may use, empty for all: programs are too large to keep.
    """

    opened: _Open
    box: Box
    dual: Dual
    step_time: float
    beam: int = FIRST_BEAM
    alive: bytes = b""


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
            heap.push(terms.value(configuration.lower_bound), _Bracket(configuration, terms, whole=True))
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
    _least: dict[Configuration, tuple[float, float]] = field(default_factory=dict)
    _best: tuple[Configuration, Placed, list[int]] | None = None
    _failures: int = 0
    _restarts: int = 0
    _saved: int = 0
    _annealed: int = 0
    _random: Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = Random(self.search.limits.seed)
        self._reduced = lru_cache(maxsize=LATEST)(_reduced)

    def expand(self, bound: float, cell: _Bracket | _Cell) -> Iterator[Child[_Bracket | _Cell]]:
        if isinstance(cell, _Bracket):
            return self._open(bound, cell)
        return self._cut(cell)

    def _cutoff(self, terms: Terms) -> float:
        """Return the step time below which a plan of a bracket may be worth having."""
        return terms.seconds(self.search.cutoff)

    def _open(self, bound: float, bracket: _Bracket) -> Iterator[Child[_Bracket | _Cell]]:
        """Bound a bracket; halve it while it is wide, then eliminate places, look for first plans, yield its cell."""
        placed = self.world.chain(bracket.configuration)
        if placed is None:
            return
        if placed.truncated and placed.relaxation is None:
            yield bound, None
        if bracket.whole:
            if bound <= WORTH_TRYING * self.search.value:
                self._draft(bracket.configuration, Annealed(self._random.getrandbits(32), FIRST_STEPS, alone=False))
            self._sample(bracket, placed)
        bounded = self._bounded(bracket, placed)
        if bounded is None:
            return
        terms, value = bracket.terms, bounded.step_time
        if terms.wide(self.search.cutoff):
            halves = (_Bracket(bracket.configuration, half) for half in terms.halves())
            yield from ((half.terms.value(max(value, half.terms.step_time)), half) for half in halves)
            return
        opened = self._eliminated(bounded)
        if opened is None:
            return
        self._first_plans(opened, bounded)
        if value < self._cutoff(terms) and opened.complete and opened.searched.paths.chain.update.size <= SMALL:
            value = max(value, self._label(opened, bounded.box, bounded.dual.prices, FIRST_BEAM))
        if value < self._cutoff(terms):
            yield terms.value(value), _Cell(opened, bounded.box, bounded.dual, value)

    def _sample(self, bracket: _Bracket, placed: Placed) -> None:
        """Look for first plans in narrow brackets, until there are no better ones any more."""
        failures = 0
        for terms in bracket.terms.samples():
            before = self.search.value
            if self.search.stopped or failures == PATIENCE or not bracket.terms.wide(self.search.cutoff):
                return
            bounded = self._bounded(_Bracket(bracket.configuration, terms), placed)
            opened = None if bounded is None else self._eliminated(bounded)
            if bounded is not None and opened is not None:
                self._first_plans(opened, bounded)
                failures = 0 if self.search.value < before else failures + 1

    def _bounded(self, bracket: _Bracket, placed: Placed) -> _Bounded | None:
        """Bound a bracket; ``None`` where it holds no plan that counts."""
        terms, placed = bracket.terms, placed.below(bracket.terms.ceiling)
        if terms.step_time >= self._cutoff(terms):
            return None
        bounding = PricedPaths(placed.relaxation.chain if placed.relaxation else placed.chain)
        cutoff = min(self._cutoff(terms), bounding.worst)
        bottleneck, synchronisation = self._floors(bracket.configuration, bounding)
        floor = max(bottleneck, bracket.configuration.bottleneck, terms.bottleneck)
        box = Box(bottleneck_floor=floor, synchronisation_floor=synchronisation)
        dual = improve(bounding, start(bounding), box, cutoff, STEPS)
        value = max(dual.value, terms.step_time)
        return None if value >= cutoff else _Bounded(bracket, placed, bounding, box, dual, value, cutoff)

    def _floors(self, configuration: Configuration, paths: PricedPaths) -> tuple[float, float]:
        """Return the least bottleneck and synchronisation, which are those of any bracket: they ignore capacities."""
        if configuration not in self._least:
            self._least[configuration] = paths.least_bottleneck(), paths.least_synchronisation()
        return self._least[configuration]

    def _eliminated(self, bounded: _Bounded) -> _Open | None:
        """Return the places that a plan that counts can use; ``None`` where there are none."""
        placed, bounding, prices, box, cutoff = (
            bounded.placed, bounded.bounding, bounded.dual.prices, bounded.box, bounded.cutoff,
        )  # fmt: skip
        relaxation = placed.relaxation
        every = everywhere(placed, bounding if relaxation is None else None)
        through = every.paths.through(prices, box)
        alive = through < cutoff
        if relaxation is None:
            if not alive.any():
                return None
            searched = every.among(alive)
            return _Open(bounded.bracket, searched.paths, searched, tuple(searched.promising(through[alive])))
        relaxed = bounding.through(prices, box) < cutoff
        if not relaxed.any():
            return None
        searched = every.among(alive) if alive.any() else every
        few = tuple(searched.promising(through[alive])) if alive.any() else ()
        paths = PricedPaths(bounding.chain.subset(relaxed))
        return _Open(bounded.bracket, paths, searched, few, relaxation, np.flatnonzero(relaxed))

    def _first_plans(self, opened: _Open, bounded: _Bounded) -> None:
        """Look for plans among the few places of every family."""
        value = max(bounded.step_time, bounded.bracket.configuration.lower_bound)
        for few in opened.few:
            if value <= WORTH_TRYING * bounded.bracket.terms.seconds(self.search.value):
                self._slices(replace(opened, searched=few), bounded, value)

    def _slices(self, opened: _Open, bounded: _Bounded, value: float) -> None:
        """Set labels with a narrow beam under rising ceilings of W, until they find nothing better any more."""
        search, terms, box = self.search, bounded.bracket.terms, bounded.box
        paths, dual = opened.searched.paths, bounded.dual
        weight, ceiling, failures, found = paths.chain.weight, box.bottleneck_floor, 0, False
        for _ in range(SLICES):
            floor, ceiling = ceiling, ceiling * SLICE if weight > 0 and ceiling > 0 else math.inf
            piece = replace(box, bottleneck_floor=floor, bottleneck=ceiling)
            enough = min(self._cutoff(terms), paths.worst, HOPELESS * value)
            better = improve(paths, dual, piece, enough, STEPS)
            if search.stopped or value + weight * (floor - box.bottleneck_floor) >= self._cutoff(terms):
                return
            before = search.value
            if better.value < enough:
                dual = better
                self._label(opened, piece, dual.prices, FIRST_PLANS_BEAM)
                if search.value == before:
                    # Short stages synchronise sooner, but run out of devices: let none be better than what fits.
                    slow = replace(piece, synchronisation_floor=dual.least_synchronisation(piece))
                    self._label(opened, slow, dual.prices, FIRST_PLANS_BEAM)
            found = found or search.value < before
            failures = 0 if search.value < before else failures + 1
            if math.isinf(ceiling) or (found and failures > PATIENCE):
                return

    def _label(self, opened: _Open, box: Box, prices: FloatArray, beam: int) -> float:
        """Set labels in a box; return the least step time of what they did not search."""
        searched, bracket = opened.searched, opened.bracket
        found = set_labels(
            searched.paths,
            searched.usage,
            prices,
            box,
            self.search.value,
            beam,
            searched.bill,
            bracket.terms,
            self.search.remaining,
            self._left_out(bracket.configuration, searched),
        )
        if found.stages:
            stages = tuple(replace(stage, place=int(searched.numbers[stage.place])) for stage in found.stages)
            if self.search.improve(found.value, searched.placed.strategy(stages)):
                self._best = bracket.configuration, searched.placed, [stage.place for stage in stages]
                self._failures = 0
        return found.dropped

    def _left_out(self, configuration: Configuration, searched: Searched) -> Words | None:
        """Return the choices of a configuration that no plan may be; ``None`` where nothing is left out at all."""
        without = self.search.limits.without
        if not without:
            return None
        letters = [searched.placed.kind(number) for number in searched.numbers.tolist()]
        return words(without, configuration.data_parallel, configuration.microbatch_size, letters)

    def _descend(self) -> None:
        """Search neighbourhoods of the best plan, until many in a row bring nothing, then one every now and then."""
        self._failures += 1
        while self._best is not None and not self.search.stopped:
            chain = self._best[1].chain
            patience = min(NEIGHBOURS, NEIGHBOURS_WORTH // (chain.num_places * chain.num_layers))
            if self._failures >= patience and self._failures % PAUSE:
                return
            self._failures += 1
            self._near(*self._best)

    def _restart(self, configuration: Configuration) -> None:
        """Anneal once more, in turn for the best plan's configuration and for the one that is open.

        The steps that a run may take are saved up cell by cell, so that runs grow, but none keeps the clock waiting.
        """
        self._saved += STEPS_PER_CELL
        if self.search.stopped or self._saved < min(LONGEST, self._annealed / GROWTH):
            return
        self._restarts += 1
        chosen = self._best[0] if self._best is not None and self._restarts % 2 else configuration
        self._annealed += self._saved
        self._draft(chosen, Annealed(self._random.getrandbits(32), self._saved, alone=True))
        self._saved = 0

    def _draft(self, configuration: Configuration, how: Annealed) -> None:
        """Look for plans where annealing finds some."""
        draft = self.world.drafts(configuration, how)
        if draft is None:
            return
        searched = some(draft.placed, draft.chosen)
        for bottleneck, synchronisation in draft.sketches.T:
            ceiling = bottleneck * NEAR_ENOUGH
            box = Box(bottleneck_floor=bottleneck, bottleneck=ceiling, synchronisation_floor=synchronisation)
            self._among(configuration, searched, box)

    def _near(self, configuration: Configuration, placed: Placed, places: list[int]) -> None:
        """Search one neighbourhood of a plan."""
        near = neighbourhood(placed.chain, places, self._random, self._failures)
        if near.sum() <= NEAR:
            self._among(configuration, some(placed, near), Box())

    def _among(self, configuration: Configuration, searched: Searched, box: Box) -> None:
        """Look for plans in a box of some places."""
        terms = self.world.terms(configuration)
        cutoff = self._cutoff(terms)
        dual = improve(searched.paths, start(searched.paths), box, cutoff, STEPS)
        if dual.value < cutoff:
            opened = _Open(_Bracket(configuration, terms), searched.paths, searched, ())
            self._label(opened, box, dual.prices, FIRST_BEAM)

    def _cut(self, cell: _Cell) -> Iterator[Child[_Bracket | _Cell]]:
        """Bound a cell better, set labels in it, split it while it is wide."""
        self._descend()
        self._restart(cell.opened.bracket.configuration)
        opened, terms = self._reduced(cell.opened, cell.alive), cell.opened.bracket.terms
        paths, box, cutoff = opened.bounding, cell.box, self._cutoff(terms)
        enough = min(cutoff, paths.worst)
        dual = improve(paths, cell.dual, box, enough, STEPS)
        priced, prices = dual.value, dual.prices
        value = max(priced, cell.step_time)
        if value >= enough:
            return
        # Only what prices prove is a sum of seconds and floors: a cell's step time may come from its labels.
        if math.isfinite(cutoff):
            box = box.below(cutoff - paths.least_update, priced - paths.bound(box, 0.0), paths.chain.weight)
        if box.empty:
            return
        if opened.complete:  # times of relaxed places are less than those of plans: none of a box's sides can be there
            survey = paths.survey(prices, box, cutoff)
            priced += paths.bound(survey.box, 0.0) - paths.bound(box, 0.0)
            value, box = max(value, priced), survey.box
            if box.empty or value >= enough:
                return
            cell = self._shrunk(cell, survey.through < cutoff)
            opened = self._reduced(cell.opened, cell.alive)
            value = max(value, self._label(opened, box, prices, cell.beam))
            if value >= self._cutoff(terms):
                return
        parts = parts_of(box, priced, paths.chain.weight, NARROW)
        if not opened.complete:
            refined = self._refined(replace(cell, box=box, dual=dual, step_time=value), cutoff, not parts)
            if refined is not None:
                yield from ((terms.value(value), part) for part in refined)
                return
            parts = parts or parts_of(box, priced, paths.chain.weight, NARROWER)
        for part, least in parts:
            least = max(least, value)
            yield terms.value(least), replace(cell, box=part, dual=dual, step_time=least)
        if parts:
            return
        if not opened.complete:
            self._label(opened, box, prices, cell.beam)
            yield terms.value(value), Later(replace(cell, box=box, dual=dual, step_time=value))
            return
        beam = min(cell.beam * WIDER, MAX_LABELS)
        yield terms.value(value), replace(cell, box=box, dual=dual, step_time=value, beam=beam)

    def _refined(self, cell: _Cell, cutoff: float, narrow: bool) -> list[_Cell] | None:
        """Return a cell with all places that its plans can use; none without plans, ``None`` with too many places."""
        opened, prices = cell.opened, cell.dual.prices
        relaxation, chain = opened.relaxation, opened.bounding.chain
        if relaxation is None or opened.numbers is None:
            return None
        survey = opened.bounding.survey(prices, cell.box, cutoff)
        through, fare, synchronised = np.full((3, relaxation.chain.num_places), math.inf)
        through[opened.numbers], synchronised[opened.numbers] = survey.through, survey.synchronised
        fare[opened.numbers] = chain.usage_under(prices) @ prices
        relaxed = Relaxed(
            through,
            fare,
            synchronised,
            prices,
            cell.box,
            cutoff,
            chain.slowest_link(cell.box.bottleneck, relaxation.together),
        )
        places = relaxation.alive(relaxed, REFINED if narrow else min(REFINED, relaxation.soon))
        if not places:
            return None if places is None else []
        searched = everywhere(relaxation.program(places))
        whole = _Open(opened.bracket, searched.paths, searched, ())
        dual = replace(start(searched.paths), prices=prices)
        return [replace(cell, opened=whole, dual=dual, alive=b"")]

    def _shrunk(self, cell: _Cell, alive: npt.NDArray[np.bool_]) -> _Cell:
        """Return a cell with the places that its plans below the cutoff can use alone, if the others are many."""
        opened = self._reduced(cell.opened, cell.alive)
        if not 0 < alive.sum() <= SHRUNK * len(alive):
            return cell
        left = np.isin(cell.opened.searched.numbers, opened.searched.numbers[alive])
        return replace(cell, alive=left.tobytes())


def _reduced(opened: _Open, alive: bytes) -> _Open:
    """Return a bracket with some of its places, given as a mask; an empty one leaves all."""
    if not alive:
        return opened
    searched = opened.searched.among(np.frombuffer(alive, np.bool_))
    return replace(opened, bounding=searched.paths, searched=searched)
