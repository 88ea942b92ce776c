"""Plans on whole nodes by simulated annealing: quick and good, and no proof of anything.

A state is a sequence of stages, each with an interval of layers, a shape (a tensor degree and a number of nodes) and
that many nodes of its own. A step moves a boundary, exchanges two nodes, gives a stage another shape, swaps
neighbours, takes a stage out or puts one in; it is kept if the plan is no slower, or else with a probability that
falls with what it loses and with time (Kirkpatrick, Gelatt and Vecchi, "Optimization by simulated annealing",
Science, 1983).
"""

import math
from typing import Any, NamedTuple

import numpy as np

from milp_amp.space.compiled import compiled

HOT, COLD = 0.1, 0.0003
"""What a step may lose, over the best plan, with a probability of 1/e: at first and at last."""

MOVED, EXCHANGED, RESHAPED, SWAPPED, REMOVED = 0.35, 0.8, 0.88, 0.92, 0.96
"""Where the shares of the kinds of steps end; the rest puts stages in."""

IMPOSSIBLE = 1e6
"""Seconds of a stage that no device can run, or whose memory is short: a finite number, to be annealed away."""


class NodeCosts(NamedTuple):
    """What stages of one configuration cost, as far as annealing asks; ``H`` shapes, ``N`` nodes, ``L`` layers.

    Attributes
    ----------
    width
        ``(H,)``: nodes of a stage.
    seconds, most_stages
        ``(H, N, L, L + 1)``: ``τ``, and the stages from this one to the last that memory allows.
    between
        ``(N, N)``: seconds per byte from node to node; the slowest pair of two stages decides.
    volume
        ``(H, L + 1)``: bytes over every boundary, forward and back.
    ring
        ``(H,)``: what the slowest pair inside a stage carries per byte synchronised.
    gradient
        ``(L, L + 1)``: bytes synchronised.
    weight
        ``m − 1``.
    """

    width: Any
    seconds: Any
    most_stages: Any
    between: Any
    volume: Any
    ring: Any
    gradient: Any
    weight: int


class State(NamedTuple):
    """Stages in a row; how many there are is kept beside it.

    Attributes
    ----------
    cuts
        ``(L + 2,)``: where the layers of every stage begin, and where the last ones end.
    shapes
        ``(L + 1,)``: of every stage.
    nodes
        ``(N,)``: those of the first stage, of the second, and so on; then those of none.
    """

    cuts: Any
    shapes: Any
    nodes: Any


class Annealed(NamedTuple):
    """How to anneal: so many steps per node, from one random start ``alone`` or from one of every shape."""

    seed: int
    steps_per_node: int
    alone: bool


class Sketch(NamedTuple):
    """A plan, as far as annealing sees it.

    Attributes
    ----------
    stages
        Shape and nodes of every stage.
    step_time, bottleneck, synchronisation
        In seconds.
    """

    stages: tuple[tuple[int, tuple[int, ...]], ...]
    step_time: float
    bottleneck: float
    synchronisation: float


def anneal(costs: NodeCosts, shape: int, seed: int, steps: int) -> Sketch:
    """Return a good plan.

    It begins with as many stages of ``shape`` as there are nodes for, on random ones. Latency, and what replicas
    exchange inside a node, are left aside.
    """
    layers, nodes = len(costs.gradient), len(costs.between)
    count = max(1, min(layers, nodes // int(costs.width[shape])))
    cuts = np.zeros(layers + 2, np.int64)
    cuts[: count + 1] = np.linspace(0, layers, count + 1).astype(np.int64)
    start = State(cuts, np.full(layers + 1, shape), np.random.default_rng(seed).permutation(nodes))
    count, best = _anneal(costs, start, count, seed, steps)
    shapes = best.shapes[:count]
    groups = np.split(best.nodes, np.cumsum(costs.width[shapes]))[:count]
    stages = tuple((int(h), tuple(sorted(group.tolist()))) for h, group in zip(shapes, groups, strict=True))
    _, bottleneck, synchronisation = _parts(costs, best, count)
    return Sketch(stages, _step_time(costs, best, count), bottleneck, synchronisation)


@compiled
def _anneal(costs: NodeCosts, start: State, count: int, seed: int, steps: int) -> tuple[int, State]:
    np.random.seed(seed)
    state = start
    best = State(start.cuts.copy(), start.shapes.copy(), start.nodes.copy())
    new = State(start.cuts.copy(), start.shapes.copy(), start.nodes.copy())
    value = _step_time(costs, state, count)
    least, best_count = value, count
    heat, cooling = HOT, (COLD / HOT) ** (1.0 / steps)
    for _ in range(steps):
        heat *= cooling
        _copy(state, new)
        new_count = _step(costs.width, new, count)
        if new_count == 0:
            continue
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
    target.cuts[:], target.shapes[:], target.nodes[:] = source.cuts, source.shapes, source.nodes


@compiled
def _step_time(costs: NodeCosts, state: State, count: int) -> float:
    total, bottleneck, synchronisation = _parts(costs, state, count)
    return total + costs.weight * bottleneck + synchronisation


@compiled
def _parts(costs: NodeCosts, state: State, count: int) -> tuple[float, float, float]:
    """Return ``Σ τ + Σ κ``, ``W`` and ``S``."""
    cuts, shapes, nodes = state.cuts, state.shapes, state.nodes
    width, seconds, most, between = costs.width, costs.seconds, costs.most_stages, costs.between
    total, bottleneck, synchronisation = 0.0, 0.0, 0.0
    begin = 0
    for k in range(count):
        h, i, j = shapes[k], cuts[k], cuts[k + 1]
        end = begin + width[h]
        after = end + width[shapes[k + 1]] if k + 1 < count else end
        tau, inside, there, back = 0.0, 0.0, 0.0, 0.0
        for p in range(begin, end):
            v = nodes[p]
            tau = max(tau, seconds[h, v, i, j] if most[h, v, i, j] >= count - k else IMPOSSIBLE)
            for q in range(begin, end):
                inside = max(inside, between[v, nodes[q]])
            for q in range(end, after):
                there = max(there, between[v, nodes[q]])
                back = max(back, between[nodes[q], v])
        link = (there + back) * costs.volume[h, j]
        total += tau + link
        bottleneck = max(bottleneck, tau, link)
        synchronisation = max(synchronisation, costs.ring[h] * inside * costs.gradient[i, j])
        begin = end
    return total, bottleneck, synchronisation


@compiled
def _step(width: Any, state: State, count: int) -> int:
    """Take a random step; return how many stages there are then, 0 where it cannot be taken."""
    kind = np.random.random()
    if kind < MOVED:
        return _move_boundary(state.cuts, count)
    if kind < EXCHANGED:
        return _exchange(width, state, count)
    if kind < RESHAPED:
        return _reshape(width, state, count)
    if kind < SWAPPED:
        return _swap_neighbours(width, state, count)
    if kind < REMOVED:
        return _remove(width, state, count)
    return _add(width, state, count)


@compiled
def _move_boundary(cuts: Any, count: int) -> int:
    if count == 1:
        return 0
    k = 1 + np.random.randint(count - 1)
    cuts[k] += 1 if np.random.random() < 0.5 else -1
    return count if cuts[k - 1] < cuts[k] < cuts[k + 1] else 0


@compiled
def _exchange(width: Any, state: State, count: int) -> int:
    nodes = state.nodes
    p, q = np.random.randint(_begin(width, state.shapes, count)), np.random.randint(len(nodes))
    nodes[p], nodes[q] = nodes[q], nodes[p]
    return count


@compiled
def _reshape(width: Any, state: State, count: int) -> int:
    k, shape = np.random.randint(count), np.random.randint(len(width))
    if state.shapes[k] == shape:
        return 0
    _take_out(width, state, count, k)
    return count if _put_in(width, state, count - 1, k, shape) else 0


@compiled
def _swap_neighbours(width: Any, state: State, count: int) -> int:
    if count == 1:
        return 0
    k = np.random.randint(count - 1)
    shapes = state.shapes
    begin = _begin(width, shapes, k)
    _bring_forward(state.nodes, begin, begin + width[shapes[k]], width[shapes[k + 1]])
    shapes[k], shapes[k + 1] = shapes[k + 1], shapes[k]
    return count


@compiled
def _remove(width: Any, state: State, count: int) -> int:
    """Take a stage out; a neighbour gets its layers."""
    if count == 1:
        return 0
    k = np.random.randint(count)
    before = k == count - 1 or (k > 0 and np.random.random() < 0.5)
    for x in range(k if before else k + 1, count):
        state.cuts[x] = state.cuts[x + 1]
    _take_out(width, state, count, k)
    return count - 1


@compiled
def _add(width: Any, state: State, count: int) -> int:
    """Divide the layers of a stage with a new one, before or after it."""
    cuts, k = state.cuts, np.random.randint(count)
    length = cuts[k + 1] - cuts[k]
    if length < 2 or not _put_in(width, state, count, k + np.random.randint(2), np.random.randint(len(width))):
        return 0
    for x in range(count + 1, k + 1, -1):
        cuts[x] = cuts[x - 1]
    cuts[k + 1] = cuts[k] + 1 + np.random.randint(length - 1)
    return count + 1


@compiled
def _take_out(width: Any, state: State, count: int, k: int) -> None:
    """Free the nodes of the ``k``-th of ``count`` stages."""
    shapes = state.shapes
    begin = _begin(width, shapes, k)
    after = begin + width[shapes[k]]
    _bring_forward(state.nodes, begin, after, _begin(width, shapes, count) - after)
    for x in range(k, count - 1):
        shapes[x] = shapes[x + 1]


@compiled
def _put_in(width: Any, state: State, count: int, k: int, shape: int) -> bool:
    """Put a stage on random free nodes before the ``k``-th of ``count``; say whether there were enough."""
    shapes, nodes = state.shapes, state.nodes
    used = _begin(width, shapes, count)
    if used + width[shape] > len(nodes):
        return False
    for p in range(used, used + width[shape]):
        q = p + np.random.randint(len(nodes) - p)
        nodes[p], nodes[q] = nodes[q], nodes[p]
    _bring_forward(nodes, _begin(width, shapes, k), used, width[shape])
    for x in range(count, k, -1):
        shapes[x] = shapes[x - 1]
    shapes[k] = shape
    return True


@compiled
def _begin(width: Any, shapes: Any, k: int) -> int:
    """Return where the nodes of the ``k``-th stage begin."""
    begin = 0
    for x in range(k):
        begin += width[shapes[x]]
    return begin


@compiled
def _bring_forward(nodes: Any, begin: int, middle: int, count: int) -> None:
    """Move the ``count`` nodes at ``middle`` to ``begin``, before those between."""
    moved = nodes[middle : middle + count].copy()
    for p in range(middle - 1, begin - 1, -1):
        nodes[p + count] = nodes[p]
    nodes[begin : begin + count] = moved
