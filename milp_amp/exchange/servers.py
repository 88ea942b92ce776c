"""Servers of a model: chains of stages, each a tensor group of devices on one node, from a plan or a placement."""

from collections import Counter
from dataclasses import dataclass

from milp_amp.errors import PlanError
from milp_amp.plan.placement import Placement
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.cluster import Cluster, Node
from milp_amp.problem.serving import ServingInstance


@dataclass(frozen=True)
class ServerStage:
    """So many decoder layers on devices of one node, by their numbers in it."""

    layers: int
    node: str
    devices: tuple[int, ...]


@dataclass(frozen=True)
class Server:
    """A whole copy of the model, stage by stage."""

    stages: tuple[ServerStage, ...]

    @property
    def layers(self) -> tuple[int, ...]:
        """Decoder layers of every stage."""
        return tuple(stage.layers for stage in self.stages)

    @property
    def tensor_degrees(self) -> tuple[int, ...]:
        """Devices of every stage."""
        return tuple(len(stage.devices) for stage in self.stages)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Nodes in the order of the stages, each once."""
        return tuple(dict.fromkeys(stage.node for stage in self.stages))


def servers_of_plan(cluster: Cluster, strategy: Strategy, counts: tuple[int, ...]) -> tuple[Server, ...]:
    """Return every replica as a server of its own, given the decoder layers of every stage."""
    return tuple(
        Server(
            tuple(
                ServerStage(
                    layers=count,
                    node=cluster.host_of_device[stage.replicas[r][0]].name,
                    devices=tuple(int(address.rpartition("/")[2]) for address in stage.replicas[r]),
                )
                for count, stage in zip(counts, strategy.stages, strict=True)
            )
        )
        for r in range(strategy.data_parallel)
    )


def servers_of_placement(instance: ServingInstance, placement: Placement) -> tuple[Server, ...]:
    """Return the chains that a placement's machines form, each through all layers.

    Where several machines end with a layer and several begin after it, the fastest follows the fastest.

    Raises
    ------
    PlanError
        If the machines form no such chains, or a request may enter one amid its layers.
    """
    if placement.partial_inference:
        raise PlanError("partial_inference: a request may enter a machine amid its layers, expected whole intervals")
    known = instance.cluster.host_of_name
    if unknown := [name for name in placement.layers if name not in known]:
        raise PlanError(f"layers.{unknown[0]}: no such machine, expected one such as {next(iter(known))!r}")
    _check_borders(placement, instance.model.num_layers)
    waiting: dict[int, list[list[str]]] = {0: [[] for start, _ in placement.layers.values() if start == 0]}
    for name in sorted(
        placement.layers, key=lambda name: (placement.layers[name][0], -_speed(instance, placement, name))
    ):
        start, stop = placement.layers[name]
        waiting.setdefault(stop, []).append([*_slowest_last(instance, placement, waiting[start]).pop(0), name])
    chains = waiting[instance.model.num_layers]
    return tuple(Server(tuple(_stage(known[name], placement) for name in chain)) for chain in chains)


def _check_borders(placement: Placement, layers: int) -> None:
    """Refuse machines of which more end with a layer than begin after it, or the other way round."""
    begun = Counter(start for start, _ in placement.layers.values())
    ended = Counter(stop for _, stop in placement.layers.values())
    if not placement.layers or any(not 0 <= start < stop <= layers for start, stop in placement.layers.values()):
        raise PlanError(f"layers: expected intervals [start, stop] within 0 and {layers}")
    for border in sorted(begun | ended):
        if 0 < border < layers and begun[border] != ended[border]:
            raise PlanError(
                f"layers: {ended[border]} machines end at layer {border} and {begun[border]} begin there, "
                "expected chains of machines of their own"
            )


def _slowest_last(instance: ServingInstance, placement: Placement, chains: list[list[str]]) -> list[list[str]]:
    chains.sort(key=lambda chain: -_speed(instance, placement, chain[-1]) if chain else 0.0)
    return chains


def _speed(instance: ServingInstance, placement: Placement, name: str) -> float:
    start, stop = placement.layers[name]
    machine = instance.cluster.host_of_name[name]
    if stop - start > (most := instance.performance_of(machine).most_layers):
        raise PlanError(f"layers.{name}: {stop - start} layers, expected at most {most}")
    return instance.tokens_per_s(machine, stop - start)


def _stage(machine: Node, placement: Placement) -> ServerStage:
    start, stop = placement.layers[machine.name]
    return ServerStage(layers=stop - start, node=machine.name, devices=tuple(range(machine.group.devices)))
