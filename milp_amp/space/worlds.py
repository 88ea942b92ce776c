"""The configurations of an instance under its cost model, and the programs they become."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from milp_amp.cost.model import CostModel
from milp_amp.cost.sailor import SailorCost
from milp_amp.plan.strategy import Strategy
from milp_amp.space.chain import Chain
from milp_amp.space.classes import NodeClass
from milp_amp.space.columns import LayerTables
from milp_amp.space.configuration import Degrees, divisors
from milp_amp.space.labels import PlacedStage
from milp_amp.space.places import Places
from milp_amp.space.sailor_places import Places as SailorDegreePlaces
from milp_amp.space.sailor_places import SailorPlaces


@dataclass(frozen=True, order=True)
class Configuration:
    """Data degree and microbatch size, with lower bounds in seconds of all its plans' step time and bottleneck."""

    lower_bound: float
    bottleneck: float
    data_parallel: int
    microbatch_size: int
    num_microbatches: int


@dataclass(frozen=True, eq=False)
class Placed:
    """The program of a configuration, and whether places were left out of it."""

    chain: Chain
    truncated: bool


class World(Protocol):
    """Where the stages of an instance may sit."""

    def configurations(self) -> Iterator[Configuration]:
        """Yield every configuration that may have a plan."""

    def chain(self, configuration: Configuration) -> Placed | None:
        """Return its program."""

    def strategy(self, configuration: Configuration, stages: tuple[PlacedStage, ...]) -> Strategy:
        """Return the plan that stages on its places stand for."""


class PlaceWorld:
    """Stages on places of node classes: per-byte cost models."""

    def __init__(self, tables: LayerTables, classes: tuple[NodeClass, ...]) -> None:
        self._places = Places(tables, classes)
        self._tables = tables
        self._classes = classes

    def configurations(self) -> Iterator[Configuration]:
        """Yield every (d, b) whose batch divides evenly and whose replicas fit."""
        batch = self._tables.costs.instance.workload.global_batch_size
        devices = sum(g.devices_per_node * len(g.nodes) for g in self._classes)
        for d in (d for d in divisors(batch) if d <= devices):
            for b in divisors(batch // d):
                m = batch // (d * b)
                bound, bottleneck = self._lower_bounds(d, b, m)
                if np.isfinite(bound):
                    yield Configuration(bound, bottleneck, d, b, m)

    def _lower_bounds(self, d: int, b: int, m: int) -> tuple[float, float]:
        """Return seconds that no plan of a configuration beats, whatever the tensor degrees.

        Proof: ``Σ τ`` is at least every layer on its fastest class and degree, and so is the bottleneck's longest
        layer. In ``W`` seconds the devices of class ``g`` work at most ``N[g] W``; a layer in a stage of degree ``t``
        keeps ``d t`` of them busy for its seconds or longer. For prices ``λ``: ``Σ_g λ[g] N[g] W >= d Σ_l min_{g, t}
        λ[g] t e[g, t, l]``; the prices here are the classes' speeds.
        """
        costs, degrees = self._tables.costs, self._places.tensor_degrees
        rows = [
            (n, t, seconds)
            for n, g in enumerate(self._classes)
            for t in degrees
            if t <= g.devices_per_node and (seconds := costs.layer_seconds(g.device_type, t, b)) is not None
        ]
        if not rows:
            return float("inf"), float("inf")
        seconds = np.array([row for _, _, row in rows])
        work = np.array([t * row for _, t, row in rows])
        speed = np.array(
            [
                1 / min(work[k].sum() for k, (n, _, _) in enumerate(rows) if n == g)
                if any(n == g for n, _, _ in rows)
                else 0.0
                for g in range(len(self._classes))
            ]
        )
        prices = np.array([speed[n] for n, _, _ in rows])
        devices = np.array([g.devices_per_node * len(g.nodes) for g in self._classes])
        balance = d * float((prices[:, None] * work).min(axis=0).sum()) / float(speed @ devices)
        fastest = seconds.min(axis=0)
        bottleneck = max(float(fastest.max()), balance)
        return float(fastest.sum()) + (m - 1) * bottleneck, bottleneck

    def chain(self, configuration: Configuration) -> Placed | None:
        """Return the program over the places of its data degree."""
        places, truncated = self._places.places(configuration.data_parallel)
        if not places:
            return None
        return Placed(self._places.chain(_degrees(configuration), places), truncated)

    def strategy(self, configuration: Configuration, stages: tuple[PlacedStage, ...]) -> Strategy:
        """Return the plan that stages on its places stand for."""
        places, _ = self._places.places(configuration.data_parallel)
        return self._places.strategy(_degrees(configuration), places, stages)


class SailorWorld:
    """Stages on places of sites and device types: the ``sailor`` cost model."""

    def __init__(self, costs: SailorCost) -> None:
        self._places = SailorPlaces(costs)

    def configurations(self) -> Iterator[Configuration]:
        """Yield every (d, b) that no other one dominates."""
        for d, b in self._places.configurations():
            bound = self._places.lower_bound(d, b)
            yield Configuration(bound, 0.0, d, b, self._places.num_microbatches(d, b))

    def chain(self, configuration: Configuration) -> Placed | None:
        """Return the program over the places of its degrees."""
        at = self._at(configuration)
        return Placed(self._places.chain(at), at.truncated) if at.places else None

    def strategy(self, configuration: Configuration, stages: tuple[PlacedStage, ...]) -> Strategy:
        """Return the plan that stages on its places stand for."""
        path = [(stage.start, stage.stop, stage.place) for stage in stages]
        return self._places.strategy(self._at(configuration), path)

    def _at(self, configuration: Configuration) -> SailorDegreePlaces:
        return self._places.places(configuration.data_parallel, configuration.microbatch_size)


def _degrees(configuration: Configuration) -> Degrees:
    return Degrees(1, configuration.data_parallel, configuration.microbatch_size, configuration.num_microbatches)


def world(costs: CostModel, tables: LayerTables | None, classes: tuple[NodeClass, ...]) -> World:
    """Return where the stages of an instance may sit."""
    if isinstance(costs, SailorCost):
        return SailorWorld(costs)
    return PlaceWorld(tables, classes)
