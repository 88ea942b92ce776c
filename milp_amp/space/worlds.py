"""The configurations of an instance under its cost model, and the programs they become."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from milp_amp.cost.model import CostModel
from milp_amp.cost.sailor import SailorCost
from milp_amp.errors import FormulationError
from milp_amp.plan.strategy import Strategy
from milp_amp.space.chain import Chain
from milp_amp.space.classes import NodeClass
from milp_amp.space.columns import LayerTables
from milp_amp.space.configuration import Degrees, divisors
from milp_amp.space.labels import PlacedStage
from milp_amp.space.mixtures import Mixtures
from milp_amp.space.places import Places
from milp_amp.space.restriction import allows_configuration, needs_stage_count
from milp_amp.space.sailor_places import Places as SailorDegreePlaces
from milp_amp.space.sailor_places import SailorPlaces


@dataclass(frozen=True, order=True)
class Configuration:
    """Data degree and microbatch size, with lower bounds in seconds of all its plans' step time and bottleneck.

    ``tensor_degrees`` are those that a stage may have.
    """

    lower_bound: float
    bottleneck: float
    data_parallel: int
    microbatch_size: int
    num_microbatches: int
    tensor_degrees: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Placed:
    """The program of a configuration.

    Attributes
    ----------
    relaxed
        Where places were left out of the program: one whose paths include all of them, and cost no more. ``None`` where
        there is none.
    truncated
        Whether places were left out.
    """

    chain: Chain
    truncated: bool
    relaxed: Chain | None = None


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
        self._mixtures = Mixtures(tables, classes)
        self._tables = tables
        self._classes = classes
        self._devices = np.array([g.devices_per_node * len(g.nodes) for g in classes])

    def configurations(self) -> Iterator[Configuration]:
        """Yield every (d, b) whose batch divides evenly and whose replicas fit; one per degree where it is uniform."""
        instance = self._tables.costs.instance
        batch, restrictions = instance.workload.global_batch_size, instance.restrictions
        degrees = self._places.tensor_degrees
        choices = [(t,) for t in degrees] if restrictions.uniform_tensor_parallel else [tuple(degrees)]
        for d in (d for d in divisors(batch) if d <= sum(self._devices)):
            for b in divisors(batch // d):
                m = batch // (d * b)
                if not allows_configuration(restrictions, d, b, m):
                    continue
                for allowed in choices:
                    bounds = self._lower_bounds(d, b, m, allowed)
                    if bounds is not None:
                        yield Configuration(*bounds, d, b, m, allowed)

    def _lower_bounds(self, d: int, b: int, m: int, degrees: tuple[int, ...]) -> tuple[float, float] | None:
        """Return seconds that no plan's step time, and no bottleneck, of a configuration beats.

        Proof: ``Σ τ`` is at least every layer on its fastest class and degree, and so is the bottleneck's longest
        layer. In ``W`` seconds the devices of class ``g`` work at most ``N[g] W``; a layer in a stage of degree ``t``
        keeps ``d t`` of them busy for its seconds or longer. For prices ``λ``: ``Σ_g λ[g] N[g] W >= d Σ_l min_{g, t}
        λ[g] t e[g, t, l]``; the prices here are the classes' speeds.
        """
        rows = [
            (g, t, seconds)
            for g, kind in enumerate(self._classes)
            for t in degrees
            if t <= kind.devices_per_node
            and (seconds := self._tables.costs.layer_seconds(kind.device_type, t, b)) is not None
        ]
        if not rows:
            return None
        speed = np.zeros(len(self._classes))
        for g, t, seconds in rows:
            speed[g] = max(speed[g], 1.0 / float(t * seconds.sum()))
        work = np.array([speed[g] * t * seconds for g, t, seconds in rows])
        fastest = np.min([seconds for _, _, seconds in rows], axis=0)
        balance = d * float(work.min(axis=0).sum()) / float(speed @ self._devices)
        bottleneck = max(float(fastest.max()), balance)
        return float(fastest.sum()) + (m - 1) * bottleneck, bottleneck

    def chain(self, configuration: Configuration) -> Placed | None:
        """Return the program over the places of its data degree."""
        places, truncated = self._places.places(configuration.data_parallel, configuration.tensor_degrees)
        if not places:
            return None
        degrees = _degrees(configuration)
        return Placed(
            self._places.chain(degrees, places), truncated, self._relaxed(configuration) if truncated else None
        )

    def _relaxed(self, configuration: Configuration) -> Chain:
        places, _ = self._mixtures.places(configuration.data_parallel, configuration.tensor_degrees)
        return self._mixtures.chain(_degrees(configuration), places)

    def strategy(self, configuration: Configuration, stages: tuple[PlacedStage, ...]) -> Strategy:
        """Return the plan that stages on its places stand for."""
        places, _ = self._places.places(configuration.data_parallel, configuration.tensor_degrees)
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


def world(costs: CostModel, classes: tuple[NodeClass, ...]) -> World:
    """Return where the stages of an instance may sit.

    Raises
    ------
    FormulationError
        If restrictions ask for the number or the index of stages, which a path over places does not know.
    """
    if needs_stage_count(costs.instance.restrictions):
        raise FormulationError("restrictions: on the number or the order of stages, expected others for placements")
    if not costs.instance.objective.is_least_time:
        raise FormulationError("objective: prices or limits of a step, expected the least step time for placements")
    if isinstance(costs, SailorCost):
        if not costs.instance.restrictions.free:
            raise FormulationError(f"restrictions: under cost model {costs.name!r}, expected none for placements")
        return SailorWorld(costs)
    return PlaceWorld(LayerTables(costs), classes)
