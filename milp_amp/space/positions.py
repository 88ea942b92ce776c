"""The positions that paths lead to, by level: the number of stages placed so far."""

import itertools
from functools import lru_cache

from milp_amp.space.columns import Columns
from milp_amp.space.grid import Vector, add

Level = tuple[Vector, ...]


def levels(columns: Columns) -> list[Level]:
    """Return the positions after 0, 1, 2, … stages, each level in lexicographic order, as far as any path gets.

    Some of them may lead nowhere: only slots are counted, and which compositions an order allows on each level.
    """
    grid, order = columns.grid, columns.order
    most = min(grid.max_stages, columns.num_layers, *([] if order is None else [order.most]))
    if order is None or not order.compositions:
        return _by_sum(_reachable(grid.compositions, grid.capacity), grid.unit, most)
    found: list[Level] = [((0,) * len(grid.capacity),)]
    for level in range(most):
        kinds = [kind for c, kind in enumerate(grid.compositions) if order.kind_allowed(level, c)]
        after = {add(position, kind) for position in found[-1] for kind in kinds}
        found.append(tuple(sorted(position for position in after if _fits(position, grid.capacity))))
    return list(itertools.takewhile(bool, found))


def _by_sum(positions: Level, unit: int, most: int) -> list[Level]:
    """Group positions by level: every stage adds the same to the sum of a position."""
    found: list[list[Vector]] = [[] for _ in range(most + 1)]
    for position in positions:
        if sum(position) // unit <= most:
            found[sum(position) // unit].append(position)
    # Without mixed stages slots may be left that no stage fits: the last levels are then empty.
    return [tuple(level) for level in itertools.takewhile(bool, found)]


@lru_cache(maxsize=8)
def _reachable(compositions: tuple[Vector, ...], capacity: Vector) -> Level:
    """Return every position that some sequence of compositions leads to, in lexicographic order."""
    start = tuple(0 for _ in capacity)
    seen, frontier = {start}, [start]
    for position in frontier:  # grows while it is read: breadth first
        for composition in compositions:
            fresh = add(position, composition)
            if fresh not in seen and _fits(fresh, capacity):
                seen.add(fresh)
                frontier.append(fresh)
    return tuple(sorted(seen))


def _fits(position: Vector, capacity: Vector) -> bool:
    return all(taken <= limit for taken, limit in zip(position, capacity, strict=True))
