"""The judge's prices of single stages and boundaries, put together as the documentation says."""

from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from milp_amp.cost.model import CostModel
from milp_amp.judge.prices import price
from milp_amp.judge.rules import stage_memory
from milp_amp.plan.strategy import Stage, Strategy
from milp_amp.problem.instance import Instance

Seats = tuple[int, ...]
"""The node of every replica of a stage, by its index among the hosts."""

Placement = tuple[Seats, ...]
"""The seats of every stage, from the first to the last."""


class Degrees(NamedTuple):
    """Tensor degree, data degree, microbatch size."""

    t: int
    d: int
    b: int


class Pricer:
    """The judge's prices of single stages and boundaries, remembered."""

    def __init__(self, instance: Instance, costs: CostModel, degrees: Degrees) -> None:
        self._instance = instance
        self._costs = costs
        self._degrees = degrees
        self._stations = costs.links_are_stations
        self._weight = instance.workload.global_batch_size // (degrees.d * degrees.b) - 1
        self._stage = lru_cache(maxsize=None)(self._price_stage)
        self._boundary = lru_cache(maxsize=None)(self._price_boundary)
        self._fits = lru_cache(maxsize=None)(self._judge_memory)

    def step_time(self, boundaries: Seats, placement: Placement, enough: float) -> float:
        """Return the step time in seconds, ``inf`` if it does not fit or is not below ``enough``."""
        spans = list(pairwise(boundaries))
        parts = [self._stage(i, j, seats) for (i, j), seats in zip(spans, placement, strict=True)]
        tau = [seconds for seconds, _ in parts]
        kappa = [
            self._boundary(j, sender, receiver)
            for j, (sender, receiver) in zip(boundaries[1:-1], pairwise(placement), strict=True)
        ]
        bottleneck = max(tau + kappa) if self._stations else max(tau)
        value = sum(tau) + sum(kappa) + self._weight * bottleneck + max(sigma for _, sigma in parts)
        if value >= enough:
            return float("inf")
        stages = zip(spans, placement, range(len(spans), 0, -1), strict=True)
        fits = all(self._fits(i, j, seats, to_end) for (i, j), seats, to_end in stages)
        return value if fits else float("inf")

    def strategy(self, boundaries: Seats, placement: Placement) -> Strategy:
        """Return the plan down to the devices; those of a node are taken in their order."""
        free = {host.index: 0 for host in self._instance.cluster.hosts}
        stages = []
        for span, seats in zip(pairwise(boundaries), placement, strict=True):
            groups = []
            for node in seats:
                groups.append(self._group(node, free[node]))
                free[node] += self._degrees.t
            stages.append(Stage(layers=span, tensor_parallel=self._degrees.t, replicas=tuple(groups)))
        return self._plan(*stages)

    def _group(self, node: int, first: int) -> tuple[str, ...]:
        host = self._instance.cluster.hosts[node]
        return tuple(host.device(first + k) for k in range(self._degrees.t))

    def _plan(self, *stages: Stage) -> Strategy:
        schedule = self._instance.workload.schedule
        return Strategy(
            microbatch_size=self._degrees.b, data_parallel=self._degrees.d, schedule=schedule, stages=stages
        )

    def _at(self, start: int, stop: int, seats: Seats) -> Stage:
        replicas = tuple(self._group(node, 0) for node in seats)
        return Stage(layers=(start, stop), tensor_parallel=self._degrees.t, replicas=replicas)

    def _price_stage(self, start: int, stop: int, seats: Seats) -> tuple[float, float]:
        prices = price(self._instance, self._plan(self._at(start, stop, seats)), self._costs)
        return prices.stage_seconds[0], prices.synchronisation_seconds[0]

    def _price_boundary(self, layer: int, sender: Seats, receiver: Seats) -> float:
        plan = self._plan(self._at(layer - 1, layer, sender), self._at(layer, layer + 1, receiver))
        return price(self._instance, plan, self._costs).boundary_seconds[0]

    def _judge_memory(self, start: int, stop: int, seats: Seats, to_end: int) -> bool:
        """Judge the memory of a stage that is followed by ``to_end − 1`` others; only their number matters."""
        if not self._costs.limits_memory:
            return True
        stages = [self._at(start, stop, seats)] * to_end
        return stage_memory(self._instance, self._plan(*stages), self._costs)[0].fits
