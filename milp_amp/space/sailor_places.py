"""Where a stage may sit under the ``sailor`` cost model, and the programs that this makes of a configuration.

Costs depend on site, device type and tensor degree alone, never on the node: nodes that agree in these are one
*class*. A place is a tensor degree and how many of the ``d`` replicas sit on each class; they are numbered class by
class, in one order of the classes for all stages, in which neighbours reduce fast. Tensor degree and place are free in
each stage. What this leaves out: tensor degrees that differ inside a stage, replicas in another order.
"""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from milp_amp.cost.network import FloatArray
from milp_amp.cost.sailor import SailorCost
from milp_amp.plan.strategy import Stage, Strategy
from milp_amp.space.chain import Chain, IntArray
from milp_amp.space.classes import NodeClass
from milp_amp.space.restriction import allows_stage, mark, stage_mask
from milp_amp.space.sailor_tables import SailorTables
from milp_amp.space.site_classes import check_packing, ring_order, site_classes
from milp_amp.space.site_places import Place, find_places

MAX_PLACES = 400
"""Places of one configuration; above, some mixed ones are left out: transfers are matrices over the places."""

BoolArray = npt.NDArray[np.bool_]

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, eq=False)
class Places:
    """The places of a data degree and microbatch size, and whether there would be more of them."""

    data_parallel: int
    microbatch_size: int
    places: tuple[Place, ...]
    truncated: bool


class SailorPlaces:
    """The places and programs of all configurations of one instance.

    Raises
    ------
    FormulationError
        If tensor groups might not fill the nodes without a gap.
    """

    def __init__(self, costs: SailorCost) -> None:
        self.costs = costs
        self.classes = ring_order(costs, site_classes(costs.instance.cluster))
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
        plan that is no worse. Proof: what takes a largest value over replicas, over pairs that face each other or over
        neighbours takes it over fewer of them; memory is that of fewer devices. That fewer replicas also reduce no
        slower depends on the curves and is computed (``SailorTables.slower_with_more``). Fewer devices for a shorter
        time cost less; so do fewer bytes: where the ring's end meets its beginning anew, it went there before by way of
        the dropped replicas, and where nodes forward no way between two nodes is dearer than one through a third.

        All of them are yielded under restrictions, and where links have prices and nodes do not forward.
        """
        instance = self.costs.instance
        priced = any(link.price_per_GB > 0 for link in instance.cluster.links)
        free = instance.restrictions.free and (instance.cluster.hosts_forward or not priced)
        for b in self.microbatch_sizes:
            kept: dict[int, int] = {}
            for d in range(1, instance.cluster.num_devices + 1):
                m = self.num_microbatches(d, b)
                if free and m in kept and self.tables.slower_with_more(kept[m], d):
                    continue
                if not self.places(d, b).places:
                    break
                kept.setdefault(m, d)
                yield d, b

    def lower_bounds(
        self, data_parallel: int, microbatch_size: int, degrees: tuple[int, ...]
    ) -> tuple[float, float] | None:
        """Return seconds that no plan's step time, and no bottleneck, of a configuration beats, without transfers.

        ``None`` where nothing was measured at these tensor degrees.

        Proof: every layer takes at least its seconds on the fastest class at the best tensor degree, and some stage
        holds the longest one. In ``W`` seconds the devices of class ``g`` work at most ``N[g] W``; every layer is
        worked on by ``d`` replicas of ``t`` devices. For any prices ``λ >= 0``,
        ``Σ_g λ[g] N[g] W >= d Σ_l min_{g, t} λ[g] t e[g, t, l]``; the prices here are the classes' best mean speeds.
        """
        seconds = [(g, t, e) for g, t, e in self.layer_rows(microbatch_size) if t in degrees]
        if not seconds:
            return None
        speed = {g: 1 / min(t * e.sum() for h, t, e in seconds if h == g) for g, _, _ in seconds}
        least = np.min([e for _, _, e in seconds], axis=0)
        work = np.min([speed[g] * t * e for g, t, e in seconds], axis=0).sum()
        balance = data_parallel * work / sum(speed[g] * self._devices(g) for g in speed)
        weight = self.num_microbatches(data_parallel, microbatch_size) - 1
        bottleneck = float(max(least.max(), balance))
        return float(least.sum()) + weight * bottleneck, bottleneck

    def layer_rows(self, microbatch_size: int) -> list[tuple[int, int, FloatArray]]:
        """Return class, tensor degree and seconds of every layer, for all that was measured."""
        return [
            (g, t, e)
            for g, kind in enumerate(self.classes)
            for t in self._degrees_of(kind)
            if (e := self.costs.layer_seconds(kind.device_type, t, microbatch_size)) is not None
        ]

    def holds(self, g: int, tensor_parallel: int, microbatch_size: int) -> BoolArray:
        """Return which layers a device of a class has memory for, each alone in the last stage ``(layers,)``."""
        alone = np.diagonal(self.tables.most_stages(tensor_parallel, microbatch_size, (g,)), offset=1)
        return np.asarray(alone > 0)

    @cached_property
    def tensor_degrees(self) -> list[int]:
        """All that fit into a node and were measured."""
        return sorted({t for kind in self.classes for t in self._degrees_of(kind)})

    def allowed(self, at: Places, degrees: tuple[int, ...]) -> Places:
        """Return the places of some tensor degrees that restrictions leave, wherever in the path a stage stands."""
        restrictions, d = self.costs.instance.restrictions, at.data_parallel
        kept = (p for p in at.places if p.tensor_parallel in degrees)
        return replace(
            at, places=tuple(p for p in kept if allows_stage(restrictions, p.tensor_parallel, p.tensor_parallel * d))
        )

    def chain(self, at: Places, end_degree: int | None = None) -> Chain:
        """Return the program of a configuration over its places.

        ``end_degree`` is the tensor degree of the first and of the last stage; ``None`` where they may have any.
        """
        tables, d, b, places = self.tables, at.data_parallel, at.microbatch_size, at.places
        home, home_row = _rows([(place.tensor_parallel, b, place.members) for place in places])
        ring, ring_row = _rows([(place.tensor_parallel, d, place.neighbours) for place in places])
        sizes, of_boundary = tables.messages(b)
        forward, backward = self._transfers(sizes, places)
        return Chain(
            data_parallel=d,
            microbatch_size=b,
            num_microbatches=self.num_microbatches(d, b),
            capacity=np.array([self._devices(g) for g in range(len(self.classes))]),
            usage=np.array([place.tensor_parallel * np.array(place.replicas) for place in places]),
            seconds=np.array([self._stage_seconds(*key, end_degree) for key in home]),
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

    def _stage_seconds(
        self, t: int, microbatch_size: int, members: tuple[int, ...], end_degree: int | None
    ) -> FloatArray:
        """Return the seconds of every interval that restrictions leave to a stage ``(layers, layers + 1)``."""
        asked, seconds = self.costs.instance.restrictions, self.tables.stage_seconds(t, microbatch_size, members)
        marks = [mark(asked, self.classes[g].nodes[0]) for g in members]
        left = np.where(stage_mask(asked, len(seconds), marks), seconds, np.inf)
        if end_degree not in (None, t):
            left[0, :] = left[:, -1] = np.inf
        return left

    def facing(self, places: tuple[Place, ...]) -> IntArray:
        """Return how many replicas on class ``g`` face one on class ``h`` ``(classes, classes, K, K)``."""
        ends = np.cumsum([place.replicas for place in places], axis=1).T
        starts = ends - np.array([place.replicas for place in places]).T
        first = np.maximum(starts[:, None, :, None], starts[None, :, None, :])
        last = np.minimum(ends[:, None, :, None], ends[None, :, None, :])
        return np.asarray(np.maximum(last - first, 0), dtype=np.int64)

    def _transfers(self, sizes: FloatArray, places: tuple[Place, ...]) -> tuple[FloatArray, FloatArray]:
        """Return the seconds of the slowest pair of replicas ``(sizes, K, K)``, forward and backward."""
        degrees, t = _rows([place.tensor_parallel for place in places])
        numbers = range(len(self.classes))
        table = self.tables.transfers(sizes, [(g, degree) for g in numbers for degree in degrees])
        facing = self.facing(places)
        forward, backward = np.zeros((2, len(sizes), len(places), len(places)))
        for g in numbers:
            for h in numbers:
                v, w = (g * len(degrees) + t)[:, None], (h * len(degrees) + t)[None, :]
                meet = facing[g, h] > 0
                np.maximum(forward, np.where(meet, table[:, v, w], 0.0), out=forward)
                np.maximum(backward, np.where(meet, table[:, w, v], 0.0), out=backward)
        return forward, backward

    def strategy(self, at: Places, path: Iterable[tuple[int, int, int]]) -> Strategy:
        """Return the plan of a path of (first layer, first layer after, number of the place), down to the devices."""
        steps = [(start, stop, at.places[place]) for start, stop, place in path]
        groups: dict[tuple[int, int], list[tuple[str, ...]]] = {}
        for g, kind in enumerate(self.classes):
            devices = iter([node.device(k) for node in kind.nodes for k in range(kind.devices_per_node)])
            wanted = [(place.tensor_parallel, s, place.replicas[g]) for s, (_, _, place) in enumerate(steps)]
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
                    replicas=tuple(group for g in place.members for group in groups[s, g]),
                )
                for s, (start, stop, place) in enumerate(steps)
            ),
        )

    def _places(self, data_parallel: int, microbatch_size: int) -> Places:
        found = find_places(data_parallel, self._room(microbatch_size), MAX_PLACES)
        return Places(data_parallel, microbatch_size, *found)

    def _room(self, microbatch_size: int) -> dict[int, tuple[int, ...]]:
        """By tensor degree: how many tensor groups fit on every class; none where it was not measured."""
        degrees = [self._degrees_of(kind, microbatch_size) for kind in self.classes]
        return {
            t: tuple(self._devices(g) // t if t in known else 0 for g, known in enumerate(degrees))
            for t in sorted({t for known in degrees for t in known})
        }

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

    def _devices(self, g: int) -> int:
        return len(self.classes[g].nodes) * self.classes[g].devices_per_node


def _rows(keys: list[Key]) -> tuple[list[Key], IntArray]:
    """Return the different keys, and the number of every key among them."""
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return list(numbers), np.array([numbers[key] for key in keys])
