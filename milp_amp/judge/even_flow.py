"""The max flow that loads machines most evenly: what a scheduler sends where.

A placement has many max flows, and they serve differently: one may leave a machine idle beside its equal. Of all of
them this is the one with the least sum of squares ``f²/T`` over machines, ``T`` their tokens per second, and of these
the one with the least sum over links. Equal machines with equal layers are one vertex, so each gets exactly its part;
between others a flow is moved in pieces of ``1 / PIECES`` of what a machine carries.
"""

from collections import defaultdict
from dataclasses import dataclass

from ortools.graph.python import min_cost_flow

from milp_amp.cost.network import Network
from milp_amp.judge.flow import SINK, SOURCE, UNITS, Flow, flow_of
from milp_amp.plan.placement import Placement
from milp_amp.problem.cluster import Node
from milp_amp.problem.serving import ServingInstance

PIECES = 32
"""Of equal size, into which the square of a flow is cut; each costs more than the one before."""

MACHINE_COST = 1000
"""Of a token through a machine, where one over a link costs 1: links decide only between equal loads of machines."""

LEAST = 1e-6
"""Relative size of a flow that is left out: what rounding leaves."""


@dataclass(frozen=True)
class _Class:
    """Machines of one group that hold the same layers."""

    machines: tuple[Node, ...]
    start: int
    stop: int


def even_flow(instance: ServingInstance, placement: Placement, network: Network) -> Flow:
    """Return the max flow of a placement that loads machines most evenly.

    Raises
    ------
    PlanError
        If the placement breaks a rule.
    """
    flow = flow_of(instance, placement, network)
    if not flow.arcs:
        return flow
    classes = _classes(instance, placement)
    arcs = _Even(instance, placement, network, classes, flow.tokens_per_s).arcs()
    return Flow(tokens_per_s=flow.tokens_per_s, arcs=_divided(classes, arcs, flow.tokens_per_s), cut=flow.cut)


def _classes(instance: ServingInstance, placement: Placement) -> list[_Class]:
    equal: dict[tuple[str, int, int], list[Node]] = defaultdict(list)
    for machine in instance.machines:
        if machine.name in placement.layers:
            equal[machine.group.name, *placement.layers[machine.name]].append(machine)
    return [_Class(tuple(machines), start, stop) for (_, start, stop), machines in equal.items()]


class _Even:
    """The flow network: class ``v`` is vertex ``2 + 2 v`` where tokens enter, and the next one where they leave."""

    def __init__(
        self, instance: ServingInstance, placement: Placement, network: Network, classes: list[_Class], most: float
    ) -> None:
        self._program, self._most = min_cost_flow.SimpleMinCostFlow(), most
        self._ends: list[tuple[int, int]] = []
        entry = instance.entry_tokens_per_s
        for v, held in enumerate(classes):
            size = len(held.machines)
            speed = size * instance.tokens_per_s(held.machines[0], held.stop - held.start)
            self._arc(2 + 2 * v, 3 + 2 * v, speed, speed, MACHINE_COST)
            if held.start == 0:
                self._arc(0, 2 + 2 * v, size * entry, most, 1)
            if held.stop == instance.model.num_layers:
                self._arc(3 + 2 * v, 1, size * entry, most, 1)
            for w, then in enumerate(classes):
                amid = placement.partial_inference and then.start < held.stop < then.stop
                if then.start == held.stop or amid:
                    a, b = held.machines[0].index, then.machines[-1].index  # equal groups: two different machines
                    pair = instance.link_tokens_per_s(float(network.between[a, b]))
                    self._arc(3 + 2 * v, 2 + 2 * w, size * len(then.machines) * pair, most, 1)

    def _arc(self, tail: int, head: int, carried: float, whole: float, cost: int) -> None:
        """Add an arc in pieces of ``whole``, as far as it carries them."""
        for piece in range(PIECES):
            room = min(whole / PIECES, carried - piece * whole / PIECES)
            if room <= 0:
                return
            self._program.add_arc_with_capacity_and_unit_cost(tail, head, int(room * UNITS) + 1, cost * (2 * piece + 1))
            self._ends.append((tail, head))

    def arcs(self) -> dict[tuple[int, int], float]:
        """Return tokens per second from class to class; ``-1`` is the coordinator."""
        program, amount = self._program, int(self._most * UNITS)
        program.set_node_supply(0, amount)
        program.set_node_supply(1, -amount)
        status = program.solve()
        assert status == program.OPTIMAL, status
        found: dict[tuple[int, int], float] = defaultdict(float)
        for arc, (tail, head) in enumerate(self._ends):
            if tail // 2 != head // 2 and program.flow(arc):
                found[tail // 2 - 1, head // 2 - 1] += program.flow(arc) / UNITS
        return found


def _divided(classes: list[_Class], arcs: dict[tuple[int, int], float], most: float) -> dict[tuple[str, str], float]:
    """Return what every machine sends to every other: classes share evenly."""
    names = {number: tuple(machine.name for machine in each.machines) for number, each in enumerate(classes)}
    divided = {}
    for (tail, head), tokens in arcs.items():
        if tokens > LEAST * most:
            tails, heads = names.get(tail, (SOURCE,)), names.get(head, (SINK,))
            for a in tails:
                for b in heads:
                    divided[a, b] = tokens / (len(tails) * len(heads))
    return divided
