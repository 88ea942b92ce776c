"""Optima by enumeration, priced by the judge: slow, and too simple to be wrong in the same way.

Nothing of the strategy space's own code is used: degrees, node classes, slots and addresses are worked out
again from their definitions. Plans that break a restriction of the instance are left out, by a predicate of its own.
"""

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np

from milp_amp.cost.model import CostModel
from milp_amp.judge.evaluate import evaluate
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.cluster import Node
from milp_amp.problem.instance import Instance
from tests.agreement.pricing import Degrees, Placement, Pricer, Seats
from tests.agreement.restricting import keeps, label


class Optimum(NamedTuple):
    """A best plan and its step time in seconds."""

    value: float
    strategy: Strategy


def brute_force(instance: Instance, costs: CostModel) -> Optimum | None:
    """Return the optimum of the space that the interval formulations claim, or ``None`` if no plan fits."""
    found = [
        best
        for degrees in _degrees(instance)
        for layout in ("stage by stage", "replica by replica")
        if (best := _best(instance, costs, degrees, set(_laid_out(instance, costs, degrees, layout))))
    ]
    return min(found, key=lambda best: best.value, default=None)


def plans(instance: Instance, costs: CostModel) -> Iterator[tuple[Degrees, Seats, Placement]]:
    """Yield every plan by its degrees, boundaries and placement, restrictions on other things than idle nodes aside."""
    for degrees in _degrees(instance):
        for placement in _anywhere(instance, costs, degrees):
            for cuts in combinations(range(1, instance.model.num_layers), len(placement) - 1):
                yield degrees, (0, *cuts, instance.model.num_layers), placement


def interval_plans(instance: Instance, costs: CostModel) -> Iterator[Strategy]:
    """Yield every plan of the space that the interval formulations claim, memory and restrictions aside."""
    for degrees in _degrees(instance):
        pricer = Pricer(instance, costs, degrees)
        both = (_laid_out(instance, costs, degrees, layout) for layout in ("stage by stage", "replica by replica"))
        for placement in {placement for placements in both for placement in placements}:
            for cuts in combinations(range(1, instance.model.num_layers), len(placement) - 1):
                yield pricer.strategy((0, *cuts, instance.model.num_layers), placement)


def whole_space(instance: Instance, costs: CostModel) -> dict[Degrees, Optimum]:
    """Return the optimum over every placement, for each choice of uniform degrees that has a plan."""
    optima = {
        degrees: _best(instance, costs, degrees, _anywhere(instance, costs, degrees)) for degrees in _degrees(instance)
    }
    return {degrees: best for degrees, best in optima.items() if best}


def rank_order(instance: Instance, costs: CostModel) -> Optimum | None:
    """Return the optimum over the partitions of the published rank order, for nodes of equal size.

    Device ``k`` of all devices, node by node, belongs to stage ``k // (t d)``; every device is used.
    """
    hosts, size = instance.cluster.hosts, instance.cluster.nodes[0].devices
    found = []
    for degrees in _degrees(instance):
        groups, leftover = divmod(len(hosts) * size, degrees.t)
        unprofiled = len(_rooms(instance, costs, degrees)) < len(hosts)
        if leftover or size % degrees.t or groups % degrees.d or unprofiled:
            continue
        seats = [hosts[k * degrees.t // size].index for k in range(groups)]
        stages = tuple(tuple(seats[k : k + degrees.d]) for k in range(0, groups, degrees.d))
        if len(stages) <= instance.model.num_layers and (best := _best(instance, costs, degrees, {stages})):
            found.append(best)
    return min(found, key=lambda best: best.value, default=None)


def _degrees(instance: Instance) -> Iterator[Degrees]:
    batch = instance.workload.global_batch_size
    most = max(group.devices for group in instance.cluster.nodes)
    for t in range(1, most + 1):
        for d in range(1, min(batch, instance.cluster.num_devices) + 1):
            for b in range(1, batch + 1):
                if batch % (d * b) == 0:
                    yield Degrees(t, d, b)


def _rooms(instance: Instance, costs: CostModel, degrees: Degrees) -> dict[int, int]:
    """Tensor groups that fit into every node that may be used and whose devices are profiled."""
    rooms = {
        host.index: host.group.devices // degrees.t
        for host in instance.cluster.hosts
        if label(instance, host.index) is not None
        and costs.layer_seconds(host.group.device, degrees.t, degrees.b) is not None
    }
    return {node: room for node, room in rooms.items() if room > 0}


def _anywhere(instance: Instance, costs: CostModel, degrees: Degrees) -> Iterator[Placement]:
    """Every assignment of nodes to the replicas of up to as many stages as there are layers."""
    d, most = degrees.d, instance.model.num_layers

    def extend(seats: Seats, rooms: dict[int, int]) -> Iterator[Placement]:
        if seats and len(seats) % d == 0:
            yield tuple(seats[k : k + d] for k in range(0, len(seats), d))
        if len(seats) < d * most:
            for node, room in rooms.items():
                if room > 0:
                    yield from extend((*seats, node), {**rooms, node: room - 1})

    return extend((), _rooms(instance, costs, degrees))


def _laid_out(instance: Instance, costs: CostModel, degrees: Degrees, layout: str) -> Iterator[Placement]:
    """Every sequence of compositions, on consecutive slots of the classes from the last stage to the first."""
    rooms = _rooms(instance, costs, degrees)
    classes = [[v.index for v in members if v.index in rooms] for members in classes_of(instance, costs)]
    slots = [[node for node in members for _ in range(rooms[node])] for members in classes]
    d, by_stage = degrees.d, layout == "stage by stage"
    capacity = [len(every) if by_stage else len(every) // d for every in slots]
    kinds = list(_compositions(d, capacity)) if by_stage else [_unit(g, len(slots)) for g in range(len(slots))]

    def seats(taken: Seats, kind: Seats) -> Seats:
        if by_stage:
            return tuple(slots[g][taken[g] + k] for g, n in enumerate(kind) for k in range(n))
        g = kind.index(1)
        return tuple(slots[g][r * capacity[g] + taken[g]] for r in range(d))

    def extend(later: Placement, taken: Seats) -> Iterator[Placement]:
        if later:
            yield later
        if len(later) < instance.model.num_layers:
            for kind in kinds:
                after = tuple(u + n for u, n in zip(taken, kind, strict=True))
                if all(u <= most for u, most in zip(after, capacity, strict=True)):
                    yield from extend((seats(taken, kind), *later), after)

    return extend((), (0,) * len(slots))


def _unit(g: int, size: int) -> Seats:
    return tuple(int(h == g) for h in range(size))


def _compositions(total: int, capacity: list[int]) -> Iterator[Seats]:
    if not capacity:
        if total == 0:
            yield ()
        return
    for head in range(min(total, capacity[0]) + 1):
        for tail in _compositions(total - head, capacity[1:]):
            yield (head, *tail)


def classes_of(instance: Instance, costs: CostModel) -> list[list[Node]]:
    """Nodes that can change places with the first of their class: no bandwidth and no restriction can tell."""
    classes: list[list[Node]] = []
    for host in instance.cluster.hosts:
        for members in classes:
            same = label(instance, members[0].index) == label(instance, host.index)
            if same and _alike(members[0], host, costs):
                members.append(host)
                break
        else:
            classes.append([host])
    return classes


def _alike(v: Node, w: Node, costs: CostModel) -> bool:
    network, a, b = costs.network, v.index, w.index
    swap = list(range(len(network.outbound)))
    swap[a], swap[b] = b, a
    return (
        (v.group.device, v.group.devices) == (w.group.device, w.group.devices)
        and np.array_equal(network.between, network.between[swap][:, swap])
        and np.array_equal(network.latency, network.latency[swap][:, swap])
        and network.outbound[a] == network.outbound[b]
        and network.inbound[a] == network.inbound[b]
    )


def _best(
    instance: Instance, costs: CostModel, degrees: Degrees, placements: set[Placement] | Iterator[Placement]
) -> Optimum | None:
    """Return the best partition of the best placement, as the judge prices it."""
    pricer = Pricer(instance, costs, degrees)
    best, chosen = float("inf"), None
    for placement in placements:
        for cuts in combinations(range(1, instance.model.num_layers), len(placement) - 1):
            boundaries = (0, *cuts, instance.model.num_layers)
            value = pricer.step_time(boundaries, placement, best)
            if value < best and keeps(instance, degrees, boundaries, placement):
                best, chosen = value, (boundaries, placement)
    if chosen is None:
        return None
    strategy = pricer.strategy(*chosen)
    judged = evaluate(instance, strategy, costs=costs)
    assert judged.violations == (), judged.violations
    assert judged.step_time is not None
    assert abs(judged.step_time - best) <= 1e-12 * best
    return Optimum(judged.step_time, strategy)
