"""Where a stage may sit under the ``sailor`` cost model, and the programs that this makes of a configuration.

Costs depend on site, device type and tensor degree alone, never on the node: nodes that agree in these are one
*class*. A place is a tensor degree with either all ``d`` replicas on one class, or the first ``n`` on one class and the
others on another, in the order of the classes. Tensor degree and place are free in each stage. What this leaves out:
stages on three classes or more, tensor degrees that differ inside a stage, replicas in another order.
"""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TypeVar

import numpy as np

from milp_amp.cost.network import FloatArray
from milp_amp.cost.sailor import SailorCost
from milp_amp.plan.strategy import Stage, Strategy
from milp_amp.space.chain import Chain, IntArray
from milp_amp.space.classes import NodeClass
from milp_amp.space.sailor_tables import Pairs, SailorTables
from milp_amp.space.site_classes import check_packing, site_classes

Key = TypeVar("Key", bound=Hashable)

MAX_PLACES = 400
"""Places of one configuration; above, some mixed ones are left out: transfers are matrices over the places."""


@dataclass(frozen=True)
class Place:
    """The first ``count`` replicas of a stage on class ``first``, the others on ``second``; equal where not mixed."""

    tensor_parallel: int
    first: int
    second: int
    count: int


@dataclass(frozen=True, eq=False)
class Places:
    """All places of a data degree and microbatch size, and whether there would be more of them."""

    data_parallel: int
    microbatch_size: int
    places: tuple[Place, ...]
    truncated: bool


class SailorPlaces:
    """The places and programs of all configurations of one instance."""

    def __init__(self, costs: SailorCost) -> None:
        self.costs = costs
        self.classes = site_classes(costs.instance.cluster)
        self.tables = SailorTables(costs, self.classes)
        for kind in self.classes:
            check_packing(kind, self._degrees_of(kind))
        self.places = lru_cache(maxsize=None)(self._places)

    def num_microbatches(self, data_parallel: int, microbatch_size: int) -> int:
        """Return ``m``; the last microbatch may be a smaller one."""
        return -(-self.costs.instance.workload.global_batch_size // (data_parallel * microbatch_size))

    @cached_property
    def microbatch_sizes(self) -> tuple[int, ...]:
        """Microbatch sizes that anything was measured at."""
        return tuple(sorted({entry.microbatch_size for entry in self.costs.instance.profile}))

    def configurations(self) -> Iterator[tuple[int, int]]:
        """Yield every (d, b) that has a place, but none that another one of the same ``b`` and ``m`` dominates.

        With fewer replicas ``d < d'`` and the same ``m``, dropping the last ``d' − d`` replicas of every stage leaves a
        plan that is no worse. Proof: what takes a largest value over replicas, or over pairs of them, takes it over
        fewer; memory is that of fewer devices; the ring loses neighbours, and where its end now meets its beginning
        they are of two classes that met there before, or of one class that had a pair of neighbours. That fewer
        replicas also reduce no slower depends on the curves and is computed (``SailorTables.slower_with_more``). Fewer
        devices and fewer bytes are no dearer.

        Under restrictions all of them are yielded: they may forbid the better one.
        """
        free = self.costs.instance.restrictions.free
        for b in self.microbatch_sizes:
            kept: dict[int, int] = {}
            for d in range(1, self.costs.instance.cluster.num_devices + 1):
                if not self.places(d, b).places:
                    continue
                m = self.num_microbatches(d, b)
                if free and m in kept and self.tables.slower_with_more(kept[m], d):
                    continue
                kept.setdefault(m, d)
                yield d, b

    def lower_bound(self, data_parallel: int, microbatch_size: int) -> float:
        """Return seconds that no plan of a configuration beats: ``Σ τ + (m − 1) W`` without transfers.

        Proof: every layer takes at least its seconds on the fastest class at the best tensor degree, and some stage
        holds the longest one. In ``W`` seconds the devices of class ``g`` work at most ``N[g] W``; every layer is
        worked on by ``d`` replicas of ``t`` devices. For any prices ``λ >= 0``,
        ``Σ_g λ[g] N[g] W >= d Σ_l min_{g, t} λ[g] t e[g, t, l]``; the prices here are the classes' best mean speeds.
        """
        seconds = [
            (g, t, e)
            for g, kind in enumerate(self.classes)
            for t in self._degrees_of(kind)
            if (e := self.costs.layer_seconds(kind.device_type, t, microbatch_size)) is not None
        ]
        speed = {g: 1 / min(t * e.sum() for h, t, e in seconds if h == g) for g, _, _ in seconds}
        least = np.min([e for _, _, e in seconds], axis=0)
        work = np.min([speed[g] * t * e for g, t, e in seconds], axis=0).sum()
        balance = data_parallel * work / sum(speed[g] * self._devices(g) for g in speed)
        weight = self.num_microbatches(data_parallel, microbatch_size) - 1
        return float(least.sum() + weight * max(least.max(), balance))

    def chain(self, at: Places) -> Chain:
        """Return the program of a configuration over its places."""
        tables, d, b, places = self.tables, at.data_parallel, at.microbatch_size, at.places
        homes = [(place.tensor_parallel, b, (place.first, place.second)) for place in places]
        home, home_row = _rows(homes)
        ring, ring_row = _rows([(place.tensor_parallel, d, _neighbours(place, d)) for place in places])
        sizes, of_boundary = tables.messages(b)
        forward, backward = self._transfers(sizes, places)
        return Chain(
            data_parallel=d,
            microbatch_size=b,
            num_microbatches=self.num_microbatches(d, b),
            capacity=np.array([self._devices(g) for g in range(len(self.classes))]),
            usage=np.array([[place.tensor_parallel * n for n in self._replicas(place, d)] for place in places]),
            seconds=np.array([tables.stage_seconds(*key) for key in home]),
            seconds_row=home_row,
            most_stages=np.array([tables.most_stages(*key) for key in home]),
            most_stages_row=home_row,
            forward=forward,
            backward=backward,
            size=np.tile(of_boundary, (len(places), 1)),
            volume=np.ones((len(places), len(of_boundary))),
            latency=np.zeros((len(places), len(places))),
            synchronisation=np.array([tables.ring_seconds(*key) for key in ring]),
            synchronisation_row=ring_row,
            synchronisation_rate=np.ones(len(places)),
            synchronisation_latency=np.zeros(len(places)),
            update=np.array([tables.update_seconds(*key) for key in home])[home_row],
            links_are_stations=False,
        )

    def _transfers(self, sizes: FloatArray, places: tuple[Place, ...]) -> tuple[FloatArray, FloatArray]:
        """Return the seconds of the slowest pair of replicas ``(sizes, K, K)``, forward and backward.

        Replicas with the same number face each other: first ones, last ones, and those between the two places' counts.
        """
        pairs = [((p.first, p.tensor_parallel), (p.second, p.tensor_parallel)) for p in places]
        ends, number = _rows([end for pair in pairs for end in pair])
        first, second = number.reshape(-1, 2).T
        count = np.array([place.count for place in places])
        early = (count[:, None] < count[None, :])[None]
        late = (count[:, None] > count[None, :])[None]
        there = self.tables.transfers(sizes, ends)
        found = []
        for seconds in (there, there.transpose(0, 2, 1)):
            slowest = np.maximum(seconds[:, first[:, None], first], seconds[:, second[:, None], second])
            middle = np.where(early, seconds[:, second[:, None], first], 0.0)
            middle = np.where(late, seconds[:, first[:, None], second], middle)
            found.append(np.maximum(slowest, middle))
        return found[0], found[1]

    def strategy(self, at: Places, path: Iterable[tuple[int, int, int]]) -> Strategy:
        """Return the plan of a path of (first layer, first layer after, number of the place), down to the devices."""
        steps = [(start, stop, at.places[place]) for start, stop, place in path]
        groups: dict[tuple[int, int], list[tuple[str, ...]]] = {}
        for g, kind in enumerate(self.classes):
            devices = iter([node.device(k) for node in kind.nodes for k in range(kind.devices_per_node)])
            wanted = [
                (place.tensor_parallel, s, self._replicas(place, at.data_parallel)[g])
                for s, (_, _, place) in enumerate(steps)
            ]
            for t, s, count in sorted(wanted, reverse=True):
                groups[s, g] = [tuple(next(devices) for _ in range(t)) for _ in range(count)]
        return Strategy(
            microbatch_size=at.microbatch_size,
            data_parallel=at.data_parallel,
            schedule=self.costs.instance.workload.schedule,
            stages=tuple(
                Stage(
                    layers=(start, stop),
                    tensor_parallel=place.tensor_parallel,
                    replicas=tuple(group for g in dict.fromkeys((place.first, place.second)) for group in groups[s, g]),
                )
                for s, (start, stop, place) in enumerate(steps)
            ),
        )

    def _places(self, data_parallel: int, microbatch_size: int) -> Places:
        pure = self._pure(data_parallel, microbatch_size)
        # Coarse splits first: halves before quarters, so that what is left out lies beside what is kept.
        mixed = sorted(self._mixed(data_parallel, microbatch_size), key=lambda p: (-(p.count & -p.count), p.count))
        every = (*pure, *mixed)
        return Places(data_parallel, microbatch_size, every[:MAX_PLACES], len(every) > MAX_PLACES)

    def _pure(self, d: int, b: int) -> Iterator[Place]:
        for g, kind in enumerate(self.classes):
            for t in self._degrees_of(kind, b):
                if d * t <= self._devices(g):
                    yield Place(t, g, g, d)

    def _mixed(self, d: int, b: int) -> Iterator[Place]:
        for g, first in enumerate(self.classes):
            for h, second in enumerate(self.classes[g + 1 :], g + 1):
                for t in set(self._degrees_of(first, b)) & set(self._degrees_of(second, b)):
                    least, most = max(1, d - self._devices(h) // t), min(d - 1, self._devices(g) // t)
                    yield from (Place(t, g, h, n) for n in range(least, most + 1))

    def _degrees_of(self, kind: NodeClass, microbatch_size: int | None = None) -> list[int]:
        """Tensor degrees that fit into a node and were measured, at any microbatch size or at this one."""
        return sorted(
            {
                entry.tensor_parallel
                for entry in self.costs.instance.profile
                if entry.device == kind.device_type
                and entry.tensor_parallel <= kind.devices_per_node
                and microbatch_size in (None, entry.microbatch_size)
            }
        )

    def _replicas(self, place: Place, d: int) -> list[int]:
        """Replicas of a stage on every class."""
        rest = {place.second: d - place.count} if place.second != place.first else {}
        return [{**rest, place.first: place.count}.get(g, 0) for g in range(len(self.classes))]

    def _devices(self, g: int) -> int:
        return len(self.classes[g].nodes) * self.classes[g].devices_per_node


def _neighbours(place: Place, d: int) -> Pairs:
    """Pairs of classes that meet in the ring of a stage; none for one replica."""
    g, h, n = place.first, place.second, place.count
    if g == h:
        return ((g, g),) if d > 1 else ()
    inner = [(g, g)] * (n > 1) + [(h, h)] * (d - n > 1)
    return (*inner, (g, h), (h, g))


def _rows(keys: list[Key]) -> tuple[list[Key], IntArray]:
    """Return the different keys, and the number of every key among them."""
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return list(numbers), np.array([numbers[key] for key in keys])
