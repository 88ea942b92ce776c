"""Stages one after another, as a prediction of what is served needs them; built many thousand times in a search.

A stage is held by any machines; each takes the share of requests that its tokens per second are of the stage's. That is
the max flow that loads machines most evenly wherever links carry it.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import inf

from milp_amp.cost.network import Network
from milp_amp.cost.serving_rules import FULLEST_LAYER, FULLEST_MACHINE
from milp_amp.plan.placement import Placement
from milp_amp.problem.serving import ServingInstance
from milp_amp.space.service import COORDINATOR, Hop, Service, Visit
from milp_amp.space.serving_speeds import Demand

CountedStage = tuple[int, tuple[int, ...]]
"""Layers, and machines of every group in the order of the instance's nodes."""


class StageServices:
    """Builds the services of an instance's stages."""

    def __init__(self, instance: ServingInstance, network: Network, demand: Demand) -> None:
        self._demand, self._groups = demand, instance.cluster.nodes
        self._performance = [instance.performance[group.name] for group in self._groups]
        self._speeds = [demand.speeds[group.name] for group in self._groups]
        self._bytes = instance.model.activation_bytes + instance.model.token_bytes
        hosts = instance.machines
        first = [next(host.index for host in hosts if host.group == group) for group in self._groups]
        last = [max(host.index for host in hosts if host.group == group) for group in self._groups]
        self._between = network.between[first][:, last].tolist()
        self._latency = network.latency[first][:, last].tolist()
        self._out, self._into = network.outbound[first].tolist(), network.inbound[first].tolist()
        self._near = network.nearest_latency
        self.counts = tuple(group.count for group in self._groups)
        self.most_layers = tuple(each.most_layers for each in self._performance)
        self._row = lru_cache(maxsize=1 << 16)(self._row_of)

    def service(self, stages: Sequence[CountedStage], hardness: float = inf) -> Service:
        """Return the service of stages, each held by at least one machine.

        Requests in flight are the least over stages of what their caches admit; with a finite ``hardness`` their power
        mean of exponent ``-hardness``, at least as large: then the second least counts too.
        """
        visits: list[Visit] = []
        tails: list[tuple[int, int, int, float]] = []
        rooms: list[float] = []
        for stage in stages:
            row, room = self._row(stage)
            rooms.append(room)
            coherence = sum(n * share * share for _, _, n, share in tails) or 1.0
            offset = len(visits)
            for group, n, share in row:
                speeds = self._speeds[group]
                visits.append(
                    Visit(
                        machines=n,
                        share=share,
                        layers=stage[0],
                        prompt_seconds=stage[0] * speeds.prompt_seconds + self._demand.copy_seconds,
                        prompt_spread=speeds.prompt_spread,
                        decode_seconds=speeds.decode_seconds,
                        coherence=coherence,
                        hops=self._hops(tails, group, share),
                    )
                )
            tails = [(offset + at, group, n, share) for at, (group, n, share) in enumerate(row)]
        return Service(tuple(visits), _least(rooms, hardness), self._near, self._demand)

    def _hops(self, tails: Sequence[tuple[int, int, int, float]], group: int, share: float) -> tuple[Hop, ...]:
        if not tails:
            return (Hop(COORDINATOR, 1.0, share, share, 0.0, self._near),)
        return tuple(
            Hop(
                tail,
                n * part,
                share,
                part * share,
                self._bytes / min(self._between[a][group], self._out[a] * share, self._into[group] * part),
                self._latency[a][group],
            )
            for tail, a, n, part in tails
        )

    def _row_of(self, stage: CountedStage) -> tuple[tuple[tuple[int, int, float], ...], float]:
        """Return group, machines and share of each part of a stage, and how many requests its caches admit."""
        layers, counts = stage
        held = [(group, n) for group, n in enumerate(counts) if n]
        speed = {group: self._performance[group].tokens_per_s[layers - 1] for group, _ in held}
        total = sum(n * speed[group] for group, n in held)
        room = {group: self._performance[group].kv_token_layers[layers - 1] / layers for group, _ in held}
        kept = self._demand.kept_tokens
        limits = [FULLEST_MACHINE * room[group] * total / (speed[group] * kept) for group, _ in held]
        limits.append(FULLEST_LAYER * sum(n * room[group] for group, n in held) / kept)
        return tuple((group, n, speed[group] / total) for group, n in held), min(limits)

    def placement(self, stages: Sequence[CountedStage]) -> Placement:
        """Return the placement: stages one after another, machines of a group in their order."""
        layers: dict[str, tuple[int, int]] = {}
        used = [0] * len(self._groups)
        start = 0
        for size, counts in stages:
            for name in self._names(counts, used):
                layers[name] = (start, start + size)
            start += size
        return Placement(layers=layers)

    def _names(self, counts: Sequence[int], used: list[int]) -> Iterator[str]:
        for group, n in enumerate(counts):
            for _ in range(n):
                yield f"{self._groups[group].name}.{used[group]}"
                used[group] += 1


def _least(rooms: Sequence[float], hardness: float) -> float:
    least = min(rooms)
    if hardness == inf or not least:
        return least
    mean = sum((room / least) ** -hardness for room in rooms) / len(rooms)
    return float(least * mean ** (-1 / hardness))
