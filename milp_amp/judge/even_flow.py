"""The max flow that loads machines most evenly: what a scheduler sends where.

A placement has many max flows, and they serve differently: one may leave a machine idle beside its equal. Of all of
them this is the one with the least sum of squares ``f²/T`` over machines, ``T`` their tokens per second, and of these
the one with the least sum over links, ``T`` the machine's before it times its successor's part of all successors': so
that where links do not limit, every machine sends to every successor, and to a faster one more. Equal machines with
equal layers are one vertex, so each gets exactly its part; between others a flow is moved in pieces of ``1 / PIECES``.
"""

from collections import defaultdict
from dataclasses import dataclass

from ortools.graph.python import min_cost_flow

from milp_amp.cost.network import Network
from milp_amp.judge.flow import SINK, SOURCE, UNITS, Flow, flow_of
from milp_amp.plan.placement import Placement
from milp_amp.problem.cluster import Node
from milp_amp.problem.serving import ServingInstance

PIECES, MOST_PIECES = 32, 64
"""Into which what is due to a machine or link is cut, each dearer than the one before; and of all that it carries."""

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


def _follows(held: _Class, then: _Class, partial_inference: bool) -> bool:
    """Whether tokens may go from one to the other."""
    return then.start == held.stop or (partial_inference and then.start < held.stop < then.stop)


class _Even:
    """The flow network: class ``v`` is vertex ``2 + 2 v`` where tokens enter, and the next one where they leave."""

    def __init__(
        self, instance: ServingInstance, placement: Placement, network: Network, classes: list[_Class], most: float
    ) -> None:
        self._program, self._most = min_cost_flow.SimpleMinCostFlow(), most
        self._ends: list[tuple[int, int]] = []
        entry = instance.entry_tokens_per_s
        sizes = [len(each.machines) for each in classes]
        speeds = [
            n * instance.tokens_per_s(c.machines[0], c.stop - c.start) for n, c in zip(sizes, classes, strict=True)
        ]
        for v, held in enumerate(classes):
            self._arc(2 + 2 * v, 3 + 2 * v, speeds[v], speeds[v], MACHINE_COST)
            if held.start == 0:
                self._arc(0, 2 + 2 * v, sizes[v] * entry, speeds[v], 1)
            if held.stop == instance.model.num_layers:
                self._arc(3 + 2 * v, 1, sizes[v] * entry, speeds[v], 1)
            following = [w for w, then in enumerate(classes) if _follows(held, then, placement.partial_inference)]
            together = sum(speeds[w] for w in following)
            for w in following:
                a, b = held.machines[0].index, classes[w].machines[-1].index  # of one group: two different machines
                pair = instance.link_tokens_per_s(float(network.between[a, b]))
                self._arc(3 + 2 * v, 2 + 2 * w, sizes[v] * sizes[w] * pair, speeds[v] * speeds[w] / together, 1)

    def _arc(self, tail: int, head: int, carried: float, due: float, cost: int) -> None:
        """Add an arc in pieces of what is due to it, the last one as large as it carries."""
        carried = min(carried, self._most + 1 / UNITS)
        for piece in range(MOST_PIECES):
            room = carried - piece * due / PIECES
            if room <= 0:
                return
            if piece < MOST_PIECES - 1:
                room = min(room, due / PIECES)
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
