"""Annealing over nodes: every sketch is a plan, and on tiny worlds the best one."""

import itertools
from random import Random

import numpy as np
import pytest

from milp_amp.space.annealing import NodeCosts, anneal

LAYERS, NODES, STEPS = 3, 4, 100_000


def drawn(seed: int) -> NodeCosts:
    """Stages of one or two nodes; two layers after each other may not fit on a node."""
    random = Random(seed)
    layers = np.array([[random.uniform(1, 9) for _ in range(LAYERS)] for _ in range(NODES)])
    below = np.arange(LAYERS + 1)[None, :] > np.arange(LAYERS)[:, None]
    sums = np.array([[row[i:j].sum() for i in range(LAYERS) for j in range(LAYERS + 1)] for row in layers])
    alone = np.where(below, sums.reshape(NODES, LAYERS, LAYERS + 1), 1e6)
    most = np.array([[[random.choice((1, 2, 9, 9)) for _ in range(LAYERS + 1)] for _ in range(LAYERS)]] * NODES)
    return NodeCosts(
        width=np.array([1, 2]),
        seconds=np.array([alone, alone / 2]),
        most_stages=np.array([most, most]),
        between=np.array([[random.uniform(0.1, 2) for _ in range(NODES)] for _ in range(NODES)]),
        volume=np.array([[0.0, random.random(), random.random(), 0.0] for _ in range(2)]),
        ring=np.array([0.0, random.random()]),
        gradient=np.array([[max(0, j - i) for j in range(LAYERS + 1)] for i in range(LAYERS)]) * 1.0,
        weight=random.randint(0, 5),
    )


def step_time(costs: NodeCosts, cuts: list[int], stages: list[tuple[int, tuple[int, ...]]]) -> float | None:
    """Return what the pipeline's formula says; ``None`` where memory is short."""
    count, stations, rings = len(stages), [], []
    for k, (shape, nodes) in enumerate(stages):
        i, j = cuts[k], cuts[k + 1]
        if min(costs.most_stages[shape, v, i, j] for v in nodes) < count - k:
            return None
        stations.append(max(costs.seconds[shape, v, i, j] for v in nodes))
        if k + 1 < count:
            pairs = list(itertools.product(nodes, stages[k + 1][1]))
            worst = max(costs.between[v, w] for v, w in pairs) + max(costs.between[w, v] for v, w in pairs)
            stations.append(worst * costs.volume[shape, j])
        rings.append(costs.ring[shape] * max(costs.between[v, w] for v in nodes for w in nodes) * (j - i))
    return float(sum(stations) + costs.weight * max(stations) + max(rings))


def plans(count: int, free: frozenset[int]) -> list[list[tuple[int, tuple[int, ...]]]]:
    if count == 0:
        return [[]]
    choices = [(width - 1, nodes) for width in (1, 2) for nodes in itertools.combinations(sorted(free), width)]
    return [[stage, *rest] for stage in choices for rest in plans(count - 1, free - set(stage[1]))]


def least(costs: NodeCosts, stages: list[tuple[int, tuple[int, ...]]]) -> float:
    """Return the least step time over all cuts; ``inf`` where none fits."""
    inner = itertools.combinations(range(1, LAYERS), len(stages) - 1)
    times = [step_time(costs, [0, *cuts, LAYERS], stages) for cuts in inner]
    return min((time for time in times if time is not None), default=float("inf"))


@pytest.mark.parametrize("seed", range(40))
def test_a_sketch_costs_what_the_formula_says_and_is_the_best_plan(seed):
    costs = drawn(seed)
    best = min(least(costs, plan) for count in range(1, LAYERS + 1) for plan in plans(count, frozenset(range(NODES))))
    sketches = [anneal(costs, shape, seed, STEPS) for shape in (0, 1)]
    for sketch in sketches:
        used = [node for _, nodes in sketch.stages for node in nodes]
        assert len(set(used)) == len(used)
        assert all(len(nodes) == costs.width[shape] for shape, nodes in sketch.stages)
        if sketch.step_time < 1e6:
            assert least(costs, list(sketch.stages)) <= sketch.step_time * (1 + 1e-12)
            assert sketch.step_time >= best * (1 - 1e-12)
    if best < 1e6:
        assert min(sketch.step_time for sketch in sketches) == pytest.approx(best, rel=1e-9)
