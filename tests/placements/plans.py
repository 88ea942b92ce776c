"""The best plan of all whose stages choose among given homes: by enumeration, priced by the judge alone.

A *chooser* yields, for what is left of the nodes, every home of the next stage: its tensor degree, the node of every
replica, and what is left then. What a stage costs never makes another one cheaper, so a plan is given up as soon as
its stages so far cost as much as the best plan.
"""

import math
from collections.abc import Callable, Hashable, Iterator
from functools import lru_cache
from typing import NamedTuple

from milp_amp.cost.model import CostModel
from milp_amp.judge.evaluate import evaluate
from milp_amp.judge.prices import price
from milp_amp.judge.rules import stage_memory
from milp_amp.plan.strategy import Stage, Strategy
from milp_amp.problem.instance import Instance


class Home(NamedTuple):
    """Where a stage sits: its tensor degree, and the node of every replica by its index."""

    tensor_parallel: int
    seats: tuple[int, ...]


State = Hashable
Chooser = Callable[[int, State], Iterator[tuple[Home, State]]]
"""Yields the homes of a stage, given the data degree and the state that the stages before leave."""


class Optimum(NamedTuple):
    """A best plan and its step time in seconds."""

    value: float
    strategy: Strategy


class Part(NamedTuple):
    """Layers ``[start, stop)`` at home."""

    start: int
    stop: int
    home: Home


def best_plan(
    instance: Instance,
    costs: CostModel,
    choose: Chooser,
    start: State,
    keeps: Callable[[Strategy], bool] = bool,
) -> Optimum | None:
    """Return the best plan over all data degrees and microbatch sizes, ``None`` where no plan fits.

    ``keeps`` says whether a plan is allowed.
    """
    batch = instance.workload.global_batch_size
    best: Optimum | None = None
    for d in range(1, min(batch, instance.cluster.num_devices) + 1):
        for b in range(1, batch // d + 1):
            if batch % (d * b) == 0:
                best = _Plans(instance, costs, d, b, choose).better_than(best, start, keeps)
    return best


class _Plans:
    """The plans of one data degree and microbatch size."""

    def __init__(self, instance: Instance, costs: CostModel, d: int, b: int, choose: Chooser) -> None:
        self._instance, self._costs, self._choose = instance, costs, choose
        self._d, self._b = d, b
        self._weight = instance.workload.global_batch_size // (d * b) - 1
        self._layers = instance.model.num_layers
        self._stage = lru_cache(maxsize=None)(self._stage_prices)
        self._boundary = lru_cache(maxsize=None)(self._boundary_price)
        self._fits = lru_cache(maxsize=None)(self._memory_fits)

    def better_than(self, best: Optimum | None, start: State, keeps: Callable[[Strategy], bool]) -> Optimum | None:
        value, parts = best.value if best else math.inf, None

        def extend(done: tuple[Part, ...], state: State, once: float, bottleneck: float, slowest: float) -> None:
            nonlocal value, parts
            first = done[-1].stop if done else 0
            if first == self._layers:
                if all(self._fits(part, len(done) - s) for s, part in enumerate(done)) and keeps(self._seated(done)):
                    value, parts = once + self._weight * bottleneck + slowest, done
                return
            for home, left in self._choose(self._d, state):
                for stop in range(first + 1, self._layers + 1):
                    part = Part(first, stop, home)
                    tau, sigma = self._stage(part)
                    kappa = self._boundary(first, done[-1].home, home) if done else 0.0
                    stations = (bottleneck, tau, kappa) if self._costs.links_are_stations else (bottleneck, tau)
                    now = once + tau + kappa, max(stations), max(slowest, sigma)
                    if now[0] + self._weight * now[1] + now[2] < value * (1 - 1e-12):
                        extend((*done, part), left, *now)

        extend((), start, 0.0, 0.0, 0.0)
        return best if parts is None else self._judged(value, parts)

    def _judged(self, value: float, parts: tuple[Part, ...]) -> Optimum:
        strategy = self._seated(parts)
        judged = evaluate(self._instance, strategy, costs=self._costs)
        assert judged.violations == (), judged.violations
        assert judged.step_time is not None
        assert abs(judged.step_time - value) <= 1e-12 * value
        return Optimum(judged.step_time, strategy)

    def _seated(self, parts: tuple[Part, ...]) -> Strategy:
        """Return the plan down to the devices."""
        taken = dict.fromkeys(range(len(self._instance.cluster.hosts)), 0)
        stages = []
        for part in parts:
            groups = []
            for node in part.home.seats:
                groups.append(self._group(node, taken[node], part.home.tensor_parallel))
                taken[node] += part.home.tensor_parallel
            stages.append(self._built(part, tuple(groups)))
        return self._strategy(*stages)

    def _group(self, node: int, first: int, size: int) -> tuple[str, ...]:
        host = self._instance.cluster.hosts[node]
        return tuple(host.device(first + k) for k in range(size))

    def _built(self, part: Part, groups: tuple[tuple[str, ...], ...] | None = None) -> Stage:
        t = part.home.tensor_parallel
        replicas = groups or tuple(self._group(node, 0, t) for node in part.home.seats)
        return Stage(layers=(part.start, part.stop), tensor_parallel=t, replicas=replicas)

    def _strategy(self, *stages: Stage) -> Strategy:
        schedule = self._instance.workload.schedule
        return Strategy(microbatch_size=self._b, data_parallel=self._d, schedule=schedule, stages=stages)

    def _stage_prices(self, part: Part) -> tuple[float, float]:
        prices = price(self._instance, self._strategy(self._built(part)), self._costs)
        return prices.stage_seconds[0], prices.synchronisation_seconds[0]

    def _boundary_price(self, layer: int, sender: Home, receiver: Home) -> float:
        ends = self._built(Part(layer - 1, layer, sender)), self._built(Part(layer, layer + 1, receiver))
        return price(self._instance, self._strategy(*ends), self._costs).boundary_seconds[0]

    def _memory_fits(self, part: Part, to_end: int) -> bool:
        """Judge the memory of a stage that is followed by ``to_end − 1`` others; only their number matters."""
        if not self._costs.limits_memory:
            return True
        strategy = self._strategy(*[self._built(part)] * to_end)
        return stage_memory(self._instance, strategy, self._costs)[0].fits
