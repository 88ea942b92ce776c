"""The configurations of an instance under its cost model, and the programs they become."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Protocol

import numpy as np
import numpy.typing as npt

from milp_amp.cost.model import CostModel
from milp_amp.cost.network import FloatArray
from milp_amp.cost.sailor import SailorCost
from milp_amp.errors import FormulationError
from milp_amp.plan.choice import StageKind, stage_kind
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.instance import Instance
from milp_amp.problem.restrictions import Restrictions
from milp_amp.space.annealing import Annealed
from milp_amp.space.bill import Bill, rents_alone, with_rent
from milp_amp.space.chain import Chain, IntArray
from milp_amp.space.classes import NodeClass, rates
from milp_amp.space.columns import LayerTables
from milp_amp.space.configuration import Degrees, divisors
from milp_amp.space.drafts import Drafts
from milp_amp.space.labels import PlacedStage
from milp_amp.space.mixtures import Mixtures
from milp_amp.space.places import Place, Places
from milp_amp.space.refinement import Refinement, Relaxed
from milp_amp.space.restriction import allows_configuration, needs_stage_count
from milp_amp.space.rounding import Rounding, rounding
from milp_amp.space.sailor_bill import bill
from milp_amp.space.sailor_places import Places as SailorDegreePlaces
from milp_amp.space.sailor_places import SailorPlaces
from milp_amp.space.terms import Terms, terms_of

LATEST = 8
"""Programs that are kept: several brackets of one configuration are opened in a row."""

SOON, SOON_IF_UNLIKE = 200, 2_500
"""Places of a wide cell up to which they are listed: a few large classes say much unlisted, unlike nodes do not."""

MOST_LIKE = 2
"""Nodes per class from which on classes tell enough, and plans are not annealed node by node."""


@dataclass(frozen=True, order=True)
class Configuration:
    """Data degree and microbatch size, with lower bounds in seconds of all its plans' step time and bottleneck.

    ``tensor_degrees`` are those that a stage may have; the first and the last one have ``end_degree`` if it is given.
    """

    lower_bound: float
    bottleneck: float
    data_parallel: int
    microbatch_size: int
    num_microbatches: int
    tensor_degrees: tuple[int, ...] = ()
    end_degree: int | None = None

    def holds(self, strategy: Strategy) -> bool:
        """Whether the degrees and the microbatch size of a plan are those of this configuration."""
        same = (self.data_parallel, self.microbatch_size) == (strategy.data_parallel, strategy.microbatch_size)
        ends = {strategy.stages[0].tensor_parallel, strategy.stages[-1].tensor_parallel}
        known = all(stage.tensor_parallel in self.tensor_degrees for stage in strategy.stages)
        return same and known and (self.end_degree is None or ends == {self.end_degree})


@dataclass(frozen=True, eq=False)
class Relaxation:
    """Places that stand for many.

    Attributes
    ----------
    chain
        A program whose paths include those over all places, and cost no more.
    alive
        The places that the plans of a cell can use; ``None`` where there may be more than a number.
    program
        Their program.
    together
        Stages that the same nodes have room for, at most.
    soon
        Places up to which it is worth while to list those of a cell that is still wide.
    """

    chain: Chain
    alive: Callable[[Relaxed, int], tuple[Place, ...] | None]
    program: "Callable[[tuple[Place, ...]], Placed]"
    together: int
    soon: int

    def below(self, rent: float) -> "Relaxation":
        """Return the same with a resource more, of which its places take nothing."""
        return Relaxation(
            with_rent(self.chain, np.zeros(self.chain.num_places), rent),
            self.alive,
            lambda places: self.program(places).below(rent),
            self.together,
            self.soon,
        )


@dataclass(frozen=True, eq=False)
class Placed:
    """The program of a configuration.

    Attributes
    ----------
    bill
        Prices of the places, where the objective asks for them.
    truncated
        Whether places were left out.
    relaxation
        What is known of them then, if anything.
    strategy
        The plan that stages on its places stand for.
    kind
        Tensor degree and device types of a stage on a place, by its number.
    family
        ``(K,)``: good plans often have all their stages on places of one number. ``None`` where no such is known.
    """

    chain: Chain
    strategy: Callable[[tuple[PlacedStage, ...]], Strategy]
    kind: Callable[[int], StageKind]
    truncated: bool = False
    relaxation: Relaxation | None = None
    bill: Bill | None = None
    family: IntArray | None = None

    def below(self, rent: float) -> "Placed":
        """Return the program of plans whose devices cost no more than ``rent`` a second.

        The rent is one more resource. Places of a relaxation pay nothing, so none of their paths is lost.
        """
        if self.bill is None:
            return self
        return replace(
            self,
            chain=with_rent(self.chain, self.bill.rent, rent),
            relaxation=self.relaxation and self.relaxation.below(rent),
        )


class World(Protocol):
    """Where the stages of an instance may sit."""

    def configurations(self) -> Iterator[Configuration]:
        """Yield every configuration that may have a plan."""

    def terms(self, configuration: Configuration) -> Terms:
        """Return what is asked of its plans."""

    def chain(self, configuration: Configuration) -> Placed | None:
        """Return its program."""

    def drafts(self, configuration: Configuration, how: Annealed) -> "Promising | None":
        """Return where good plans may be found soon, by annealing; ``None`` where it is no use."""


@dataclass(frozen=True, eq=False)
class Promising:
    """Places that good plans are made of.

    Attributes
    ----------
    placed
        A program.
    chosen
        ``(K,)``: a mask of places.
    sketches
        ``(2, plans)``: the bottleneck and the synchronisation, in seconds, of every plan that they were taken from.
    """

    placed: Placed
    chosen: npt.NDArray[np.bool_]
    sketches: FloatArray


class PlaceWorld:
    """Stages on places of node classes: per-byte cost models."""

    def __init__(self, tables: LayerTables, classes: tuple[NodeClass, ...]) -> None:
        self._places = Places(tables, classes)
        self._mixtures = Mixtures(tables, classes)
        self._refinement = Refinement(self._places, self._mixtures)
        self._drafts = Drafts(self._places)
        self._tables = tables
        self._classes = classes
        self.chain = lru_cache(maxsize=LATEST)(self._chain)
        self._rounding = lru_cache(maxsize=LATEST)(self._rows)
        self._devices = np.array([g.devices_per_node * len(g.nodes) for g in classes])
        self._rates = rates(tables.costs.instance.cluster, classes)

    def configurations(self) -> Iterator[Configuration]:
        """Yield every (d, b) whose batch divides evenly and whose replicas fit; one per degree where it is uniform."""
        instance = self._tables.costs.instance
        batch, restrictions = instance.workload.global_batch_size, instance.restrictions
        choices = _tensor_choices(restrictions, self._places.tensor_degrees)
        for d in (d for d in divisors(batch) if d <= sum(self._devices)):
            for b in divisors(batch // d):
                m = batch // (d * b)
                if not allows_configuration(restrictions, d, b, m):
                    continue
                for allowed, end in choices:
                    bounds = self._lower_bounds(d, b, m, allowed)
                    if bounds is not None:
                        yield Configuration(*bounds, d, b, m, allowed, end)

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

    def terms(self, configuration: Configuration) -> Terms:
        """Return what is asked of its plans."""
        rows = [
            (rate, t, seconds)
            for kind, rate in zip(self._classes, self._rates, strict=True)
            for t in configuration.tensor_degrees
            if t <= kind.devices_per_node
            and (seconds := self._tables.costs.layer_seconds(kind.device_type, t, configuration.microbatch_size))
            is not None
        ]
        return _terms(self._tables.costs.instance, configuration, rows, float(self._devices @ self._rates))

    def _chain(self, configuration: Configuration) -> Placed | None:
        places, truncated = self._places.places(configuration.data_parallel, configuration.tensor_degrees)
        if not places:
            return None
        # Mixtures are bounded by their slowest pair of replicas; AMP takes the mean.
        bounded = truncated and self._tables.costs.links_are_stations
        relaxation = self._relaxation(configuration) if bounded else None
        return replace(self._program(configuration, places), truncated=truncated, relaxation=relaxation)

    def drafts(self, configuration: Configuration, how: Annealed) -> Promising | None:
        """Return the places of plans found by annealing where nodes are few and unlike each other."""
        if not self._unlike:
            return None
        degrees = configuration.tensor_degrees
        plans = self._drafts.drafts(_degrees(configuration), degrees, how)
        found = {place for plan in plans for _, _, place in plan.stages}
        sketches = np.array([(plan.bottleneck, plan.synchronisation) for plan in plans]).T
        listed, truncated = self._places.places(configuration.data_parallel, degrees)
        if truncated and found:
            few = tuple(sorted(found))
            return Promising(self._program(configuration, few), np.ones(len(few), np.bool_), sketches)
        whole = self.chain(configuration)
        chosen = np.array([place in found for place in listed])
        return Promising(whole, chosen, sketches) if whole is not None and chosen.any() else None

    @property
    def _unlike(self) -> bool:
        """Whether most nodes are classes of their own, under costs that annealing knows."""
        nodes = sum(len(kind.nodes) for kind in self._classes)
        return self._tables.costs.links_are_stations and nodes < MOST_LIKE * len(self._classes)

    def _program(self, configuration: Configuration, places: tuple[Place, ...]) -> Placed:
        chain = self._places.chain(_degrees(configuration), places, configuration.end_degree)
        rent = np.array([place.width * (np.array(place.group.nodes) @ self._rates) for place in places])
        return Placed(
            chain.rounded(self._rounding(configuration)),
            partial(self._places.strategy, _degrees(configuration), places),
            lambda number: _kind(self._classes, places[number].tensor_parallel, places[number].group.nodes),
            bill=rents_alone(chain, rent) if self._tables.costs.instance.objective.asks_price else None,
            family=np.array([place.tensor_parallel for place in places]),
        )

    def _rows(self, configuration: Configuration) -> Rounding:
        """Return rows that round down to what stages without idle devices on their nodes may take."""
        shapes = self._places.widths(configuration.data_parallel, configuration.tensor_degrees)
        sizes = {kind.devices_per_node for kind in self._classes}
        claims = {configuration.data_parallel // c * size for _, c in shapes for size in sizes}
        return rounding(self._devices, self._mixtures.rank, claims)

    def _relaxation(self, configuration: Configuration) -> Relaxation:
        mixtures = self._mixtures.mixtures(configuration.data_parallel, configuration.tensor_degrees)
        rows = self._rounding(configuration)
        return Relaxation(
            self._mixtures.chain(_degrees(configuration), mixtures, configuration.end_degree).rounded(rows),
            partial(self._refinement.places, mixtures, rows),
            partial(self._program, configuration),
            max(kind.devices_per_node for kind in self._classes),
            SOON_IF_UNLIKE if self._unlike else SOON,
        )


class SailorWorld:
    """Stages on places of sites and device types: the ``sailor`` cost model."""

    def __init__(self, costs: SailorCost) -> None:
        self._places = SailorPlaces(costs)
        self.chain = lru_cache(maxsize=LATEST)(self._chain)

    def configurations(self) -> Iterator[Configuration]:
        """Yield every (d, b) that no other one dominates; one per degree where it is uniform."""
        restrictions = self._places.costs.instance.restrictions
        choices = _tensor_choices(restrictions, self._places.tensor_degrees)
        for d, b in self._places.configurations():
            m = self._places.num_microbatches(d, b)
            if not allows_configuration(restrictions, d, b, m):
                continue
            for allowed, end in choices:
                bounds = self._places.lower_bounds(d, b, allowed)
                if bounds is not None:
                    yield Configuration(*bounds, d, b, m, allowed, end)

    def terms(self, configuration: Configuration) -> Terms:
        """Return what is asked of its plans."""
        places, b = self._places, configuration.microbatch_size
        price = rates(places.costs.instance.cluster, places.classes)
        rows = [(price[g], t, np.where(places.holds(g, t, b), e, math.inf)) for g, t, e in places.layer_rows(b)]
        devices = [len(kind.nodes) * kind.devices_per_node for kind in places.classes]
        return _terms(places.costs.instance, configuration, rows, float(price @ devices))

    def _chain(self, configuration: Configuration) -> Placed | None:
        at = self._at(configuration)
        if not at.places:
            return None
        asked = self._places.costs.instance.objective.asks_price

        def strategy(stages: tuple[PlacedStage, ...]) -> Strategy:
            return self._places.strategy(at, [(stage.start, stage.stop, stage.place) for stage in stages])

        def kind(number: int) -> StageKind:
            place = at.places[number]
            return _kind(self._places.classes, place.tensor_parallel, place.replicas)

        chain = self._places.chain(at, configuration.end_degree)
        return Placed(chain, strategy, kind, at.truncated, bill=bill(self._places, at) if asked else None)

    def drafts(self, configuration: Configuration, how: Annealed) -> Promising | None:
        """Return nothing: nodes of one zone and type are alike."""
        return None

    def _at(self, configuration: Configuration) -> SailorDegreePlaces:
        every = self._places.places(configuration.data_parallel, configuration.microbatch_size)
        return self._places.allowed(every, configuration.tensor_degrees)


def _tensor_choices(restrictions: Restrictions, degrees: list[int]) -> list[tuple[tuple[int, ...], int | None]]:
    """Return the sets of tensor degrees to search one by one, each with that of the first and the last stage."""
    if restrictions.uniform_tensor_parallel:
        return [((t,), None) for t in degrees]
    ends = degrees if restrictions.equal_end_tensor_parallel else [None]
    return [(tuple(degrees), end) for end in ends]


def _kind(classes: Sequence[NodeClass], tensor_parallel: int, used: Sequence[int]) -> StageKind:
    """Return the kind of a stage that uses so much of every class."""
    return stage_kind(tensor_parallel, (kind.device_type for kind, n in zip(classes, used, strict=True) if n > 0))


def _degrees(configuration: Configuration) -> Degrees:
    return Degrees(1, configuration.data_parallel, configuration.microbatch_size, configuration.num_microbatches)


def _terms(
    instance: Instance, configuration: Configuration, rows: list[tuple[float, int, FloatArray]], rent: float
) -> Terms:
    return terms_of(instance.objective, rows, configuration.data_parallel, configuration.num_microbatches, rent)


def world(costs: CostModel, classes: tuple[NodeClass, ...]) -> World:
    """Return where the stages of an instance may sit.

    Raises
    ------
    FormulationError
        If restrictions ask for the number or the index of stages, which a path over places does not know.
    """
    if needs_stage_count(costs.instance.restrictions, costs.instance.model.num_layers):
        raise FormulationError("restrictions: on the number or the order of stages, expected others for placements")
    if isinstance(costs, SailorCost):
        asked = costs.instance.restrictions
        if asked.compact_stages or any(asked.named_nodes()):
            raise FormulationError(
                f"restrictions: on nodes under cost model {costs.name!r}, expected others for placements"
            )
        return SailorWorld(costs)
    if costs.instance.objective.asks_price and any(link.price_per_GB > 0 for link in costs.instance.cluster.links):
        raise FormulationError("objective: prices of links, expected those of devices alone at costs per byte")
    return PlaceWorld(LayerTables(costs), classes)
