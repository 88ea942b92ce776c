"""Plans on nodes by simulated annealing: quick and good, and no proof of anything.

A state is a sequence of stages, each with an interval of layers and a shape (a tensor degree and replicas per node), on
nodes of its own or joining the stage before it on its nodes, as long as these have devices left. A step moves a
boundary, exchanges two nodes, gives a stage another shape, swaps neighbours, lets a stage join or leave, takes one out
or puts one in; it is kept if the plan is no slower, or else with a probability that falls with what it loses and with
time (Kirkpatrick, Gelatt and Vecchi, "Optimization by simulated annealing", Science, 1983).
"""

import math
from typing import Any, NamedTuple

import numpy as np

from milp_amp.space.compiled import compiled

HOT, COLD = 0.1, 0.0003
"""What a step may lose, over the best plan, with a probability of 1/e: at first and at last."""

MOVED, EXCHANGED, RESHAPED, SWAPPED, JOINED, REMOVED = 0.35, 0.77, 0.84, 0.88, 0.92, 0.96
"""Where the shares of the kinds of steps end; the rest puts stages in."""

IMPOSSIBLE = 1e6
"""Seconds of a stage that no device can run, or whose memory is short: a finite number, to be annealed away."""


class Room(NamedTuple):
    """What stages of every shape take, and what nodes have; ``H`` shapes, ``N`` nodes.

    Attributes
    ----------
    width, each, devices
        ``(H,)``: nodes of a stage, replicas on each of them, and devices that they take of it.
    size
        ``(N,)``: devices of a node.
    """

    width: Any
    each: Any
    devices: Any
    size: Any


class NodeCosts(NamedTuple):
    """What stages of one configuration cost, as far as annealing asks; ``L`` layers.

    Attributes
    ----------
    room
        What they take.
    seconds, most_stages
        ``(H, N, L, L + 1)``: ``τ``, and the stages from this one to the last that memory allows.
    shared
        Whether transfers share, and replicas exchange in the order of their nodes; or the slowest pair decides.
    between
        ``(N, N)``: seconds per byte from node to node; on the diagonal, between two devices of a node.
    sending, receiving
        ``(N,)``: seconds per byte of the network cards, where transfers share.
    volume
        ``(H, L + 1)``: bytes over every boundary, forward and back.
    across, inside, before
        ``(H,)``: bytes per byte synchronised between nodes, at the same time inside them, and before or after that.
    update
        ``(H,)``: seconds of the update per byte synchronised.
    gradient
        ``(L, L + 1)``: bytes synchronised.
    weight
        ``m − 1``.
    """

    room: Room
    seconds: Any
    most_stages: Any
    shared: bool
    between: Any
    sending: Any
    receiving: Any
    volume: Any
    across: Any
    inside: Any
    before: Any
    update: Any
    gradient: Any
    weight: int


class State(NamedTuple):
    """Stages in a row; how many there are is kept beside it.

    Attributes
    ----------
    cuts
        ``(L + 2,)``: where the layers of every stage begin, and where the last ones end.
    shapes, joins
        ``(L + 1,)``: of every stage, and whether it is on the nodes of the one before.
    nodes
        ``(N,)``: those of the first stage, of the next one that has its own, and so on; then those of none.
    """

    cuts: Any
    shapes: Any
    joins: Any
    nodes: Any


class Annealed(NamedTuple):
    """How to anneal: so many steps per node, from one random start ``alone`` or from one of every shape."""

    seed: int
    steps_per_node: int
    alone: bool


class SketchedStage(NamedTuple):
    """Layers ``[start, stop)`` of a shape on some nodes, those of the stage before if it ``joins``."""

    start: int
    stop: int
    shape: int
    joins: bool
    nodes: tuple[int, ...]


class Sketch(NamedTuple):
    """A plan, as far as annealing sees it: its stages, and its times in seconds."""

    stages: tuple[SketchedStage, ...]
    step_time: float
    bottleneck: float
    synchronisation: float


def anneal(costs: NodeCosts, shape: int, seed: int, steps: int) -> Sketch:
    """Return a good plan.

    It begins with as many stages of ``shape`` as there are nodes for, on random ones. Latency is left aside.
    """
    layers, nodes = len(costs.gradient), len(costs.between)
    count = max(1, min(layers, nodes // int(costs.room.width[shape])))
    cuts = np.zeros(layers + 2, np.int64)
    cuts[: count + 1] = np.linspace(0, layers, count + 1).astype(np.int64)
    joins = np.zeros(layers + 1, np.bool_)
    start = State(cuts, np.full(layers + 1, shape), joins, np.random.default_rng(seed).permutation(nodes))
    count, best = _anneal(costs, start, count, seed, steps)
    _, bottleneck, synchronisation = _parts(costs, best, count)
    return Sketch(_stages(costs, best, count), _step_time(costs, best, count), bottleneck, synchronisation)


def _stages(costs: NodeCosts, state: State, count: int) -> tuple[SketchedStage, ...]:
    stages: list[SketchedStage] = []
    end = 0
    for k in range(count):
        shape, joins = int(state.shapes[k]), bool(state.joins[k])
        begin, end = (end, end if joins else end + int(costs.room.width[shape]))
        nodes = stages[-1].nodes if joins else tuple(state.nodes[begin:end].tolist())
        stages.append(SketchedStage(int(state.cuts[k]), int(state.cuts[k + 1]), shape, joins, nodes))
    return tuple(stages)


@compiled
def _anneal(costs: NodeCosts, start: State, count: int, seed: int, steps: int) -> tuple[int, State]:
    np.random.seed(seed)
    state = start
    if costs.shared:
        _arrange(costs.room.width, state, count)
    best = State(start.cuts.copy(), start.shapes.copy(), start.joins.copy(), start.nodes.copy())
    new = State(start.cuts.copy(), start.shapes.copy(), start.joins.copy(), start.nodes.copy())
    value = _step_time(costs, state, count)
    least, best_count = value, count
    heat, cooling = HOT, (COLD / HOT) ** (1.0 / steps)
    for _ in range(steps):
        heat *= cooling
        _copy(state, new)
        new_count = _step(costs.room, new, count)
        if new_count == 0:
            continue
        if costs.shared:
            _arrange(costs.room.width, new, new_count)
        new_value = _step_time(costs, new, new_count)
        if new_value <= value or np.random.random() < math.exp((value - new_value) / (heat * least)):
            value, count = new_value, new_count
            _copy(new, state)
            if value < least:
                least, best_count = value, count
                _copy(state, best)
    return best_count, best


@compiled
def _copy(source: State, target: State) -> None:
    target.cuts[:], target.shapes[:] = source.cuts, source.shapes
    target.joins[:], target.nodes[:] = source.joins, source.nodes


@compiled
def _arrange(width: Any, state: State, count: int) -> None:
    """Sort the nodes of every stage: replicas are numbered in their order, which tells where transfers share."""
    nodes, end = state.nodes, 0
    for k in range(count):
        if not state.joins[k]:
            begin, end = end, end + width[state.shapes[k]]
            for p in range(begin + 1, end):
                q, moved = p, nodes[p]
                while q > begin and nodes[q - 1] > moved:
                    nodes[q] = nodes[q - 1]
                    q -= 1
                nodes[q] = moved


# ---------------------------------------------------------------------- what a state costs


@compiled
def _step_time(costs: NodeCosts, state: State, count: int) -> float:
    total, bottleneck, synchronisation = _parts(costs, state, count)
    step_time: float = total + costs.weight * bottleneck + synchronisation
    return step_time


@compiled
def _parts(costs: NodeCosts, state: State, count: int) -> tuple[float, float, float]:
    """Return ``Σ τ + Σ κ``, ``W`` and ``S``."""
    cuts, shapes, joins, nodes = state.cuts, state.shapes, state.joins, state.nodes
    seconds, most, width, between, shared = (
        costs.seconds, costs.most_stages, costs.room.width, costs.between, costs.shared,
    )  # fmt: skip
    total, bottleneck, synchronisation = 0.0, 0.0, 0.0
    begin, end = 0, 0
    for k in range(count):
        h, i, j = shapes[k], cuts[k], cuts[k + 1]
        if not joins[k]:
            begin, end = end, end + width[h]
        tau, inside = 0.0, 0.0
        for p in range(begin, end):
            v = nodes[p]
            tau = max(tau, seconds[h, v, i, j] if most[h, v, i, j] >= count - k else IMPOSSIBLE)
            inside = max(inside, between[v, v])
        link, across = 0.0, 0.0
        if shared:
            across = _shared_ring(costs, nodes, begin, end)
            if k + 1 < count and not joins[k + 1]:
                link = _shared_link(costs, nodes, begin, h, end, shapes[k + 1])
        else:
            across = _slowest(between, nodes, begin, end, begin, end)
            if k + 1 < count and not joins[k + 1]:
                after = end + width[shapes[k + 1]]
                link = _slowest(between, nodes, begin, end, end, after) + _slowest(
                    between, nodes, end, after, begin, end
                )
        if k + 1 < count and joins[k + 1]:
            link = 2 * (inside if shared else max(inside, across))
        link *= costs.volume[h, j]
        total += tau + link
        bottleneck = max(bottleneck, tau, link)
        ring = max(costs.across[h] * across, costs.inside[h] * inside) + costs.before[h] * inside + costs.update[h]
        synchronisation = max(synchronisation, costs.gradient[i, j] * ring)
    return total, bottleneck, synchronisation


@compiled
def _slowest(between: Any, nodes: Any, begin: int, end: int, first: int, last: int) -> float:
    """Return the seconds per byte of the slowest pair of different nodes."""
    slowest = 0.0
    for p in range(begin, end):
        for q in range(first, last):
            if p != q:
                slowest = max(slowest, between[nodes[p], nodes[q]])
    return slowest


@compiled
def _shared_link(costs: NodeCosts, nodes: Any, first: int, h: int, second: int, g: int) -> float:
    """Return seconds per byte there and back, from a stage whose nodes begin at ``first`` to one at ``second``."""
    each, between, sending, receiving = costs.room.each, costs.between, costs.sending, costs.receiving
    there, back = 0.0, 0.0
    c, e = each[h], each[g]
    step = min(c, e) if max(c, e) % min(c, e) == 0 else 1
    for r in range(0, c * costs.room.width[h], step):
        v, w = nodes[first + r // c], nodes[second + r // e]
        there = max(there, step * between[v, w], c * sending[v], e * receiving[w])
        back = max(back, step * between[w, v], e * sending[w], c * receiving[v])
    return there + back


@compiled
def _shared_ring(costs: NodeCosts, nodes: Any, begin: int, end: int) -> float:
    """Return seconds per byte of the slowest step of a ring between nodes."""
    between, sending, receiving = costs.between, costs.sending, costs.receiving
    slowest = 0.0
    if end - begin > 1:
        for p in range(begin, end):
            v, w = nodes[p], nodes[p + 1 if p + 1 < end else begin]
            slowest = max(slowest, between[v, w], sending[v], receiving[w])
    return slowest


# ---------------------------------------------------------------------- steps


@compiled
def _step(room: Room, state: State, count: int) -> int:
    """Take a random step; return how many stages there are then, 0 where it cannot be taken."""
    kind = np.random.random()
    if kind < MOVED:
        return _move_boundary(state.cuts, count)
    if kind < EXCHANGED:
        return _exchange(room, state, count)
    if kind < RESHAPED:
        return _reshape(room, state, count)
    if kind < SWAPPED:
        return _swap_neighbours(room, state, count)
    if kind < JOINED:
        return _join_or_leave(room, state, count)
    if kind < REMOVED:
        return _remove(room, state, count)
    return _add(room, state, count)


@compiled
def _move_boundary(cuts: Any, count: int) -> int:
    if count == 1:
        return 0
    k = 1 + np.random.randint(count - 1)
    cuts[k] += 1 if np.random.random() < 0.5 else -1
    return count if cuts[k - 1] < cuts[k] < cuts[k + 1] else 0


@compiled
def _exchange(room: Room, state: State, count: int) -> int:
    nodes = state.nodes
    p, q = np.random.randint(_begin(room, state, count)), np.random.randint(len(nodes))
    nodes[p], nodes[q] = nodes[q], nodes[p]
    return count if _has_room(room, state, count) else 0


@compiled
def _reshape(room: Room, state: State, count: int) -> int:
    """Give a stage another shape; one that shares its nodes keeps its replicas on each of them."""
    k, shape = np.random.randint(count), np.random.randint(len(room.width))
    old = state.shapes[k]
    if old == shape:
        return 0
    if room.each[shape] == room.each[old]:
        state.shapes[k] = shape
        return count if _has_room(room, state, count) else 0
    if not _alone(state, count, k):
        return 0
    _take_out(room, state, count, k)
    return count if _put_in(room, state, count - 1, k, shape) else 0


@compiled
def _swap_neighbours(room: Room, state: State, count: int) -> int:
    if count == 1:
        return 0
    k = np.random.randint(count - 1)
    shapes = state.shapes
    if not state.joins[k + 1]:
        if not (_alone(state, count, k) and _alone(state, count, k + 1)):
            return 0
        begin = _begin(room, state, k)
        _bring_forward(state.nodes, begin, begin + room.width[shapes[k]], room.width[shapes[k + 1]])
    shapes[k], shapes[k + 1] = shapes[k + 1], shapes[k]
    return count


@compiled
def _join_or_leave(room: Room, state: State, count: int) -> int:
    """Let a stage, and those that joined it, join the one before on its nodes, or look for nodes of their own."""
    if count == 1:
        return 0
    k = 1 + np.random.randint(count - 1)
    shapes, width = state.shapes, room.width
    begin, used = _begin(room, state, k), _begin(room, state, count)
    if not state.joins[k]:
        if room.each[shapes[k]] != room.each[shapes[k - 1]]:
            return 0
        after = begin + width[shapes[k]]
        _bring_forward(state.nodes, begin, after, used - after)
        state.joins[k] = True
        return count if _has_room(room, state, count) else 0
    if not _draw_free(state.nodes, used, width[shapes[k]]):
        return 0
    _bring_forward(state.nodes, begin, used, width[shapes[k]])
    state.joins[k] = False
    return count


@compiled
def _remove(room: Room, state: State, count: int) -> int:
    """Take a stage out; a neighbour gets its layers, and those that joined it keep its nodes."""
    if count == 1:
        return 0
    k = np.random.randint(count)
    before = k == count - 1 or (k > 0 and np.random.random() < 0.5)
    for x in range(k if before else k + 1, count):
        state.cuts[x] = state.cuts[x + 1]
    _take_out(room, state, count, k)
    return count - 1


@compiled
def _add(room: Room, state: State, count: int) -> int:
    """Divide the layers of a stage with a new one, before or after it, or on its nodes."""
    cuts, k = state.cuts, np.random.randint(count)
    length = cuts[k + 1] - cuts[k]
    shape = np.random.randint(len(room.width))
    if length < 2 or not _put_in(room, state, count, k + np.random.randint(2), shape):
        return 0
    for x in range(count + 1, k + 1, -1):
        cuts[x] = cuts[x - 1]
    cuts[k + 1] = cuts[k] + 1 + np.random.randint(length - 1)
    return count + 1


@compiled
def _take_out(room: Room, state: State, count: int, k: int) -> None:
    """Take the ``k``-th of ``count`` stages out, and free its nodes if nobody else is on them."""
    shapes, joins = state.shapes, state.joins
    if _alone(state, count, k):
        begin = _begin(room, state, k)
        after = begin + room.width[shapes[k]]
        _bring_forward(state.nodes, begin, after, _begin(room, state, count) - after)
    elif not joins[k]:
        joins[k + 1] = False
    for x in range(k, count - 1):
        shapes[x], joins[x] = shapes[x + 1], joins[x + 1]


@compiled
def _put_in(room: Room, state: State, count: int, k: int, shape: int) -> bool:
    """Put a stage on random free nodes before the ``k``-th of ``count``; say whether it can stand there."""
    if k < count and state.joins[k]:
        return False
    used = _begin(room, state, count)
    if not _draw_free(state.nodes, used, room.width[shape]):
        return False
    _bring_forward(state.nodes, _begin(room, state, k), used, room.width[shape])
    for x in range(count, k, -1):
        state.shapes[x], state.joins[x] = state.shapes[x - 1], state.joins[x - 1]
    state.shapes[k], state.joins[k] = shape, False
    return True


@compiled
def _draw_free(nodes: Any, used: int, width: int) -> bool:
    """Bring random free nodes to the front of the free ones; say whether there are enough."""
    if used + width > len(nodes):
        return False
    for p in range(used, used + width):
        q = p + np.random.randint(len(nodes) - p)
        nodes[p], nodes[q] = nodes[q], nodes[p]
    return True


@compiled
def _alone(state: State, count: int, k: int) -> bool:
    """Whether the ``k``-th stage shares its nodes with none."""
    return not state.joins[k] and not (k + 1 < count and state.joins[k + 1])


@compiled
def _has_room(room: Room, state: State, count: int) -> bool:
    """Whether stages that share nodes find as many devices there as they take."""
    begin, end, filled = 0, 0, 0
    for k in range(count):
        h = state.shapes[k]
        if not state.joins[k]:
            begin, end, filled = end, end + room.width[h], 0
        filled += room.devices[h]
        if state.joins[k]:
            for p in range(begin, end):
                if filled > room.size[state.nodes[p]]:
                    return False
    return True


@compiled
def _begin(room: Room, state: State, k: int) -> int:
    """Return where the nodes of the first stage from the ``k``-th on that has its own begin."""
    begin = 0
    for x in range(k):
        if not state.joins[x]:
            begin += room.width[state.shapes[x]]
    return begin


@compiled
def _bring_forward(nodes: Any, begin: int, middle: int, count: int) -> None:
    """Move the ``count`` nodes at ``middle`` to ``begin``, before those between."""
    moved = nodes[middle : middle + count].copy()
    for p in range(middle - 1, begin - 1, -1):
        nodes[p + count] = nodes[p]
    nodes[begin : begin + count] = moved
