"""Plans by gradient descent: an anytime heuristic over the places of any cluster, and no proof.

Question. Data degree ``d``, microbatch size ``b``, stages, the tensor degree and the devices of each, all at once, for
the least step time, or the least price of a step, under limits of both.

Mathematics. A plan of a configuration ``(d, b)`` with ``p`` stages is relaxed: real boundaries between the layers, a
distribution over places for every stage, logarithms of sums of exponentials for maxima (``space.descent``). Many of
them descend at once from random starts. A *race* decides which: every configuration enters with several numbers of
stages, those that are likely good by the best plan of equal stages first; after each heat the better half goes on.

Rounding. Every stage takes its best place among those that are left and can follow the one before, once as scored and a
few times with noise; the layers are then divided exactly (``space.partition``). What wins a heat is polished: one stage
at a time changes its place, is doubled or left out, as long as that brings something.

It searches the same space as ``placement_search``. Its bound is that of the configurations, which needs no search.
Needs JAX: ``pip install 'milp-amp[gradient]'``.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from milp_amp.bounds.prepass import Prepass
from milp_amp.cost.network import FloatArray
from milp_amp.engine.export import check_suffix
from milp_amp.engine.limits import Limits
from milp_amp.engine.search import Search
from milp_amp.engine.versions import versions
from milp_amp.errors import FormulationError
from milp_amp.plan.result import Result
from milp_amp.problem.instance import Instance
from milp_amp.space.chain import IntArray
from milp_amp.space.partition import Partitions
from milp_amp.space.soft import BoolArray, Soft, ends, follow, softened
from milp_amp.space.worlds import Configuration, Placed, World, world

LANES, PLACES = 64, 64
"""Lanes of one descent, and the most places of a lane: one shape, so that it is compiled once."""

SHORT, STAGES = 32, (8, 16)
"""Layers of a short chain, and the most stages of a lane: on short chains, and on others."""

Descended = Callable[[FloatArray, FloatArray, Soft, int, FloatArray], FloatArray]
"""``space.descent.descended``: what needs JAX is handed over, since this module is imported without."""

COUNTS = (2, 3, 4, 5, 6, 8, 12, 16)
"""Stages that a configuration enters the race with."""

ENTRANTS = 32
"""Configurations that enter the race."""

OPENING = 0.4
"""Share of the time in which configurations are opened."""

STRIDE = 3
"""Neighbours in the order of their bounds are alike: where time is short every third one is opened."""

STEPS, NOISES, SAMPLES = 60, 8, 4
"""Of one descent, draws of noise that it uses in turn, and roundings of each lane."""

FINALISTS, PATIENCE, RACES = 16, 3, 3
"""Runners left when a race no longer thins them out, heats after that and races that may bring nothing in a row."""

POLISHED, NEAR = 4, 1.3
"""Configurations whose best plans are polished after a heat, and how far from the best one they may be."""

ROUGH = 2e-3
"""Gap of partitions that only say which runners go on."""


def solve(instance: Instance, bounds: Prepass, limits: Limits) -> Result:
    """Race until nothing better is found any more, or the time is up."""
    check_suffix(limits.export_program, "gradient", ())
    try:
        from milp_amp.space import descent
    except ImportError:
        raise FormulationError("gradient: JAX is not installed, expected pip install 'milp-amp[gradient]'") from None
    search = Search(limits)
    race = _Race(search, world(bounds.costs, bounds.classes), instance.model.num_layers)
    race.open()
    race.run(descent.descended)
    return search.result(
        instance=instance.name,
        formulation="gradient",
        cost_model=bounds.costs.name,
        exhausted=False,
        versions=versions("numpy", "numba", "jax"),
    )


@dataclass(eq=False)
class _Program:
    """A configuration that may be raced in.

    ``hopes`` are what plans of equal stages on one place are worth: with as many stages as its own devices are enough
    for, as all devices are, and with a single one ``(3, K)``.
    """

    configuration: Configuration
    placed: Placed
    partitions: Partitions
    hopes: FloatArray
    polished: set[tuple[int, ...]] = field(default_factory=set)

    @property
    def hope(self) -> float:
        return float(self.hopes[0].min())

    @cached_property
    def chosen(self) -> IntArray:
        """Places that lanes may use: those of the best hopes of each kind in turn."""
        in_turn = np.argsort(self.hopes, axis=1, kind="stable").T.ravel()
        return np.sort(np.array(list(dict.fromkeys(in_turn.tolist()))[:PLACES]))

    @cached_property
    def soft(self) -> Soft:
        placed, among = self.placed, np.isin(np.arange(self.placed.chain.num_places), self.chosen)
        return softened(
            placed.chain.subset(among), placed.bill and placed.bill.subset(among), self.partitions.terms, PLACES
        )

    @cached_property
    def ends(self) -> tuple[BoolArray, BoolArray]:
        return ends(self.placed.chain)

    @cached_property
    def follow(self) -> BoolArray:
        return follow(self.placed.chain)

    @property
    def most_stages(self) -> int:
        """Stages that there are devices for, as far as the smallest place tells."""
        chain = self.placed.chain
        least = int(chain.usage.sum(axis=1).min(initial=0))
        return min(chain.num_layers, int(chain.capacity.sum()) // least if least else chain.num_layers)


@dataclass(frozen=True, eq=False)
class _Runner:
    """Plans of one program with so many stages."""

    program: _Program
    stages: int


@dataclass(frozen=True, eq=False)
class _Found:
    """What a runner has come to: the places of its stages, and what the plan is worth."""

    worth: float
    runner: _Runner
    places: tuple[int, ...]


@dataclass(eq=False)
class _Race:
    """Programs, and the search that they are for."""

    search: Search
    world: World
    layers: int
    programs: list[_Program] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(self.search.limits.seed)
        self._stages = STAGES[self.layers > SHORT]

    def open(self) -> None:
        """Open configurations, and look at the plans of a single stage."""
        ranked = sorted(self.world.configurations())
        terms = [self.world.terms(each) for each in ranked]
        least = [t.value(each.lower_bound) for t, each in zip(terms, ranked, strict=True)]
        self.search.raise_bound(min(least, default=-math.inf))
        until = self.search.elapsed + OPENING * self.search.remaining
        for n in sorted(range(len(ranked)), key=lambda n: (n % STRIDE, n)):
            if self.programs and (self.search.stopped or self.search.elapsed > until):
                break
            placed = self.world.chain(ranked[n])
            if placed is None or least[n] >= self.search.cutoff:
                continue
            program = self._program(ranked[n], placed, Partitions(placed.chain, placed.bill, terms[n]))
            self.programs.append(program)
            for place in np.argsort(program.hopes[-1], kind="stable")[:SAMPLES].tolist():
                self._offer(program, (place,), self.search.value)
        self.programs.sort(key=lambda program: program.hope)

    def _program(self, configuration: Configuration, placed: Placed, partitions: Partitions) -> _Program:
        used = np.maximum(placed.chain.usage.sum(axis=1), 1)
        together = np.minimum(placed.chain.capacity.sum() / used, self._stages)
        counts = (partitions.room(self._stages), together, np.ones(len(used)))
        return _Program(configuration, placed, partitions, np.array([partitions.hopes(each) for each in counts]))

    def run(self, descended: Descended) -> None:
        """Race after race, until some in a row have brought nothing."""
        search = self.search
        entrants = self.programs[:ENTRANTS]
        runners = [_Runner(p, n) for p in entrants for n in COUNTS if n <= min(self._stages, p.most_stages)]
        failures = 0
        while runners and failures < RACES and not self._over:
            before = search.value
            self._race(runners, descended)
            failures = 0 if search.value < before else failures + 1

    @property
    def _over(self) -> bool:
        return self.search.stopped or self.search.bound >= self.search.cutoff

    def _race(self, runners: list[_Runner], descended: Descended) -> None:
        """Heat after heat, from all runners to a few finalists, and on with these."""
        failures = 0
        while failures < PATIENCE and not self._over:
            before, found = self.search.value, list[_Found]()
            for n in range(0, len(runners), LANES):
                if not self._over:
                    found += self._heat(runners[n : n + LANES], descended)
            found.sort(key=lambda each: each.worth)
            self._polish_best(found)
            if len(runners) > FINALISTS:
                runners = [each.runner for each in found[: max(FINALISTS, len(runners) // 2)]]
            else:
                failures = 0 if self.search.value < before else failures + 1

    def _heat(self, runners: list[_Runner], descended: Descended) -> list["_Found"]:
        """Let runners descend, several times if there are few; return the best plan of each."""
        lanes = [runners[n % len(runners)] for n in range(LANES)]
        random, shape = self._random, (LANES, self._stages, PLACES)
        widths, scores = 0.1 * random.normal(size=shape[:2]), 0.5 * random.normal(size=shape)
        noise = random.gumbel(size=(NOISES, *shape))
        best: dict[int, _Found] = {}
        for n, found in enumerate(descended(widths, scores, _stacked(lanes), STEPS, noise)):
            runner = lanes[n]
            for places in dict.fromkeys(self._rounded(runner, found)):
                if self.search.stopped:
                    return list(best.values())
                worth, key = self._offer(runner.program, places), n % len(runners)
                if key not in best or worth < best[key].worth:
                    best[key] = _Found(worth, runner, places)
        return list(best.values())

    def _rounded(self, runner: _Runner, scores: FloatArray) -> Iterator[tuple[int, ...]]:
        """Yield places for the stages, as scored and with noise, that there are devices for."""
        program, chain = runner.program, runner.program.placed.chain
        first, last = program.ends
        known = np.full((runner.stages, chain.num_places), -math.inf)
        known[:, program.chosen] = scores[: runner.stages, : len(program.chosen)]
        for sample in range(SAMPLES):
            noise = 0.5 * self._random.gumbel(size=known.shape) if sample else 0.0
            left, places = chain.capacity, list[int]()
            for s, row in enumerate(known + noise):
                able = (chain.usage <= left).all(axis=1) & (program.follow[places[-1]] if places else first)
                able &= last | (s + 1 < runner.stages)
                row = np.where(able, row, -math.inf)
                k = int(row.argmax())
                if math.isinf(row[k]):
                    break
                places.append(k)
                left = left - chain.usage[k]
            if len(places) == runner.stages:
                yield tuple(places)

    def _offer(self, program: _Program, places: tuple[int, ...], cutoff: float = math.inf) -> float:
        """Divide the layers among stages on these places; return what the plan is worth, roughly.

        Plans that are worth no less than the cutoff need not be looked at any closer.
        """
        found = program.partitions.best(places, cutoff, ROUGH)
        if found is None:
            return math.inf
        if found.worth < self.search.value:
            found = program.partitions.best(places) or found
            self.search.improve(found.worth, program.placed.strategy(found.stages))
        return found.worth

    def _polish_best(self, found: list["_Found"]) -> None:
        """Polish the best plans of some configurations."""
        seen: set[Configuration] = set()
        for each in found:
            program = each.runner.program
            if each.worth > NEAR * self.search.value or len(seen) == POLISHED:
                return
            if program.configuration not in seen:
                seen.add(program.configuration)
                self._polish(program, each.places, each.worth)

    def _polish(self, program: _Program, places: tuple[int, ...], worth: float) -> None:
        """Take the first change that is better, until there is none."""
        improved = places not in program.polished
        while improved:
            improved = False
            program.polished.add(places)
            for other in self._changes(program, places):
                if self.search.stopped:
                    return
                value = self._offer(program, other, worth) if program.partitions.fits(other) else math.inf
                if value < worth:
                    worth, places, improved = value, other, True
                    break

    def _changes(self, program: _Program, places: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        """Yield the places with two stages exchanged, or one left out, doubled, or elsewhere, in random order."""
        count = len(places)
        changed = [(*places[:s], *places[s + 1 :]) for s in range(count) if count > 1]
        changed += [(*places[:s], places[s], *places[s:]) for s in range(count)]
        changed += [
            (*places[:s], places[r], *places[s + 1 : r], places[s], *places[r + 1 :])
            for s in range(count)
            for r in range(s + 1, count)
        ]
        changed += [(*places[:s], k, *places[s + 1 :]) for s in range(count) for k in program.chosen.tolist()]
        for n in self._random.permutation(len(changed)).tolist():
            yield changed[n]


def _stacked(lanes: list[_Runner]) -> Soft:
    """Return the tables of all lanes."""
    each = [lane.program.soft._replace(stages=np.int32(lane.stages)) for lane in lanes]
    return Soft(*(np.stack(tables) for tables in zip(*each, strict=True)))
