"""Cheapest path through the columns of one configuration, exactly, under ceilings on W and S.

    P(W, S) = min Σ τ + Σ κ   over paths with τ <= W (κ <= W too where links are stations), σ <= S

State: (position u, composition c of the stage placed last, its first layer i). The path is built from
the last layer to the first, one stage per level; the level is the number of stages so far, so a column's
memory limit is a comparison with the level. Exact because every cost of a stage and of the transfer to
the next one depends on the state alone; a shortest path in an acyclic graph. Where choices are left out, a state
also says which of them its stages are the end of (``space.words``).
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np

from milp_amp.cost.network import FloatArray
from milp_amp.errors import FormulationError
from milp_amp.plan.strategy import Stage, Strategy
from milp_amp.problem.workload import Schedule
from milp_amp.space.columns import Columns, IntArray
from milp_amp.space.grid import Vector, add
from milp_amp.space.positions import levels
from milp_amp.space.words import Words, free

MAX_STATES = 10_000_000
"""States above which a path is not computed: a shortest path takes a second or two, its tables 80 MB."""


@dataclass(frozen=True)
class Step:
    """One stage of a path: layers ``[start, stop)`` of a composition placed at a position."""

    start: int
    stop: int
    composition: Vector
    position: Vector


@dataclass(frozen=True)
class Path:
    """Stages from the first to the last, with ``Σ τ + Σ κ``, the bottleneck and the slowest synchronisation."""

    steps: tuple[Step, ...]
    seconds: float
    bottleneck: float
    synchronisation: float

    def step_time(self, weight: int) -> float:
        """Return the closed-form step time for ``weight`` microbatches after the first."""
        return self.seconds + weight * self.bottleneck + self.synchronisation


def path_of(columns: Columns, steps: tuple[Step, ...]) -> Path:
    """Price a sequence of steps by the columns' leaf costs."""
    grid, compositions = columns.grid, columns.compositions
    index = {composition: c for c, composition in enumerate(compositions)}
    tau = [float(columns.stage_seconds[index[s.composition], s.start, s.stop]) for s in steps]
    kappa = [
        columns.kappa(a.stop, grid.phase(b.position), a.composition, b.composition)
        for a, b in itertools.pairwise(steps)
    ]
    sigma = [columns.sigma(s.start, s.stop, grid.phase(s.position), s.composition) for s in steps]
    stations = tau + kappa if columns.links_are_stations else tau
    return Path(steps, sum(tau) + sum(kappa), max(stations), max(sigma))


def strategy_of(columns: Columns, path: Path, schedule: Schedule) -> Strategy:
    """Return the plan that a path stands for, down to the devices."""
    t = columns.degrees.tensor_parallel
    return Strategy(
        microbatch_size=columns.degrees.microbatch_size,
        data_parallel=columns.degrees.data_parallel,
        schedule=schedule,
        stages=tuple(
            Stage(
                layers=(step.start, step.stop),
                tensor_parallel=t,
                replicas=columns.grid.devices(step.position, step.composition),
            )
            for step in path.steps
        ),
    )


Values = dict[int, FloatArray]
"""Cheapest suffixes ``(positions, compositions, layers + 1)`` of one level, by the state of the words left out."""


class CheapestPath:
    """``P(W, S)`` of one configuration by vectorised dynamic programming.

    Parameters
    ----------
    without
        Kinds of stages, in order, that no path may have; over the compositions.

    Raises
    ------
    FormulationError
        If it has more than ``MAX_STATES`` states.
    """

    def __init__(self, columns: Columns, without: Words | None = None) -> None:
        self._columns = columns
        self._words = without or free(len(columns.compositions))
        _check_size(columns)
        self._levels = levels(columns)
        self._memory_binds = bool((columns.stages_to_end[np.isfinite(columns.stage_seconds)] < len(self._levels)).any())
        self._moves = [self._moves_from(level) for level in range(len(self._levels))]

    def _moves_from(self, level: int) -> list["_Move"]:
        """Return, per composition, which positions of a level it can be placed on and what that costs."""
        grid, order = self._columns.grid, self._columns.order
        moves = []
        row = {position: k for k, position in enumerate(self._levels[level])}
        following = self._levels[level + 1] if level + 1 < len(self._levels) else ()
        after = {position: k for k, position in enumerate(following)}
        for c, composition in enumerate(grid.compositions):
            pairs = [(p, add(p, composition)) for p in row if add(p, composition) in after]
            if not pairs or (order is not None and not order.kind_allowed(level, c)):
                continue
            links = [[self._link(p, composition, later) for later in grid.compositions] for p, _ in pairs]
            rings = [
                (grid.ring(grid.phase(p), composition), grid.ring_latency(grid.phase(p), composition)) for p, _ in pairs
            ]
            transfer, transfer_latency = np.moveaxis(np.array(links), 2, 0)
            ring, ring_latency = np.array(rings).T
            moves.append(
                _Move(
                    composition=c,
                    sources=np.array([row[p] for p, _ in pairs]),
                    targets=np.array([after[q] for _, q in pairs]),
                    transfer=transfer,
                    transfer_latency=transfer_latency,
                    ring=ring,
                    ring_latency=ring_latency,
                )
            )
        return moves

    def _link(self, position: Vector, earlier: Vector, later: Vector) -> tuple[float, float]:
        """Seconds per byte and latency to the stage that ends at ``position``; ``inf`` if no stage of that kind can."""
        grid = self._columns.grid
        before = tuple(u - n for u, n in zip(position, later, strict=True))
        if min(before) < 0:
            return math.inf, math.inf
        phase = grid.phase(before)
        return grid.transfer(phase, earlier, later), grid.transfer_latency(phase, earlier, later)

    def solve(self, bottleneck: float = math.inf, synchronisation: float = math.inf) -> Path | None:
        """Return a cheapest path under the two ceilings in seconds, or ``None`` if there is none."""
        table = _Table(self._columns, bottleneck, synchronisation, self._memory_binds)
        layers, order = self._columns.num_layers, self._columns.order
        values: list[Values] = [{self._words.start: self._nothing(1)}]
        best, end = math.inf, (0, 0, 0, 0)
        for level in range(len(self._levels) - 1):
            fresh: Values = {}
            for move in self._moves[level]:
                for state, sources in self._words.sources(values[level], move.composition).items():
                    arrival = table.arrival(level, move, [values[level][source] for source in sources])
                    into = fresh.setdefault(state, self._nothing(len(self._levels[level + 1])))
                    into[move.targets, move.composition, :layers] = table.cheapest(level, move, arrival).min(axis=2)
            values.append(fresh)
            for state, found in fresh.items():
                row, c = np.unravel_index(int(found[:, :, 0].argmin()), found.shape[:2])
                ends = not self._words.refused[state] and (order is None or order.ends(level + 1))
                if ends and found[row, c, 0] < best:
                    best, end = float(found[row, c, 0]), (level + 1, state, int(row), int(c))
            if not any(np.isfinite(found).any() for found in fresh.values()):
                break
        return self._trace(table, values, end) if math.isfinite(best) else None

    def _nothing(self, positions: int) -> FloatArray:
        """Return values of no suffix at all."""
        return np.full((positions, len(self._columns.compositions), self._columns.num_layers + 1), math.inf)

    def _trace(self, table: "_Table", values: list[Values], end: tuple[int, int, int, int]) -> Path:
        """Walk back from the end state, recomputing each step's cheapest choice."""
        level, state, row, c = end
        start = 0
        steps: list[Step] = []
        while level > 0:
            move = next(m for m in self._moves[level - 1] if m.composition == c)
            sources = self._words.sources(values[level - 1], c)[state]
            arrival = table.arrival(level - 1, move, [values[level - 1][source] for source in sources])
            k = int(np.flatnonzero(move.targets == row)[0])
            length = int(table.cheapest(level - 1, move, arrival)[k, start].argmin()) + 1
            source = int(move.sources[k])
            position = self._levels[level - 1][source]
            steps.append(Step(start, start + length, self._columns.compositions[c], position))
            start += length
            if level > 1:
                links = np.array([table.links(move, values[level - 1][each], start)[k] for each in sources])
                which, c = (int(n) for n in np.unravel_index(int(links.argmin()), links.shape))
                state = sources[which]
            level, row = level - 1, source
        return path_of(self._columns, tuple(steps))


@dataclass(frozen=True, eq=False)
class _Move:
    """Placing one composition on every position of a level that has room for it.

    ``sources`` and ``targets`` index the positions of the level and of the next one; ``transfer`` and its latency
    are ``(sources, compositions)`` seconds, per byte and once, to each kind of later stage; ``ring`` and its latency
    are ``(sources,)``.
    """

    composition: int
    sources: IntArray
    targets: IntArray
    transfer: FloatArray
    transfer_latency: FloatArray
    ring: FloatArray
    ring_latency: FloatArray


class _Table:
    """The columns under two ceilings, arranged by (first layer, length)."""

    def __init__(self, columns: Columns, bottleneck: float, synchronisation: float, memory_binds: bool) -> None:
        self._columns = columns
        self._ceiling = bottleneck
        self._synchronisation = synchronisation
        self._memory_binds = memory_binds
        size = columns.num_layers
        tau = np.where(columns.stage_seconds <= bottleneck, columns.stage_seconds, math.inf)
        starts, stops = np.nonzero(np.isfinite(tau).any(axis=0))
        longest = int((stops - starts).max(initial=1))
        lengths = np.arange(1, longest + 1)
        self._stops = np.minimum(np.arange(size)[:, None] + lengths, size)
        outside = np.arange(size)[:, None] + lengths > size
        first = np.arange(size)[:, None]
        self._tau = tau[:, first, self._stops]
        self._tau[:, outside] = math.inf
        self._most = columns.stages_to_end[:, first, self._stops]
        self._gradients = columns.gradient_bytes[first, self._stops]

    def links(self, move: _Move, values: FloatArray, layer: int | slice) -> FloatArray:
        """Return value of each kind of later stage plus the transfer to it ``(sources, compositions, …)``."""
        size = self._columns.boundary_bytes[layer]
        with np.errstate(invalid="ignore"):
            if isinstance(layer, slice):
                kappa = move.transfer_latency[..., None] + move.transfer[..., None] * size
            else:
                kappa = move.transfer_latency + move.transfer * size
        kappa = np.where(np.isnan(kappa), math.inf, kappa)
        if self._columns.links_are_stations:
            kappa = np.where(kappa <= self._ceiling, kappa, math.inf)
        linked: FloatArray = values[move.sources, :, layer] + kappa
        return linked

    def arrival(self, level: int, move: _Move, values: list[FloatArray]) -> FloatArray:
        """Return the cheapest suffix of some a stage of this move can be put before ``(sources, layers + 1)``."""
        if level == 0:
            empty = np.full((len(move.sources), self._columns.num_layers + 1), math.inf)
            empty[:, -1] = 0.0
            return empty
        joined = [self.links(move, suffixes, slice(None)).min(axis=1) for suffixes in values]
        least: FloatArray = joined[0] if len(joined) == 1 else np.min(joined, axis=0)
        return least

    def cheapest(self, level: int, move: _Move, arrival: FloatArray) -> FloatArray:
        """Return the value of every column put before its cheapest suffix ``(sources, layers, lengths)``."""
        tau = self._tau[move.composition]
        if self._memory_binds:
            tau = np.where(self._most[move.composition] > level, tau, math.inf)
        if (order := self._columns.order) is not None and order.intervals:
            first = np.arange(self._columns.num_layers)[:, None]
            tau = np.where(order.intervals[level][first, self._stops], tau, math.inf)
        total: FloatArray = arrival[:, self._stops] + tau
        if math.isfinite(self._synchronisation) and (move.ring.any() or move.ring_latency.any()):
            sigma = move.ring_latency[:, None, None] + move.ring[:, None, None] * self._gradients
            total[sigma > self._synchronisation] = math.inf
        return total


def _check_size(columns: Columns) -> None:
    """Refuse a state space before any time is spent on it; the number of positions is known without listing them.

    With mixed compositions every position whose sum is a multiple of the unit can be reached; otherwise each
    class is taken in multiples of the unit.
    """
    grid = columns.grid
    if any(sum(n > 0 for n in composition) > 1 for composition in grid.compositions):
        positions = math.prod(limit + 1 for limit in grid.capacity) / grid.unit
    else:
        positions = math.prod(limit // grid.unit + 1 for limit in grid.capacity)
    states = positions * len(grid.compositions) * (columns.num_layers + 1)
    if states > MAX_STATES:
        raise FormulationError(
            f"{columns.degrees}: {len(grid.capacity)} classes of nodes and {columns.num_layers} layers make "
            f"{states:.2g} states, expected at most {MAX_STATES:.2g}"
        )
