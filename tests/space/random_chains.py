"""Random programs over places, and all their paths, priced from the definition of ``space.chain`` alone."""

import itertools
import math
from collections.abc import Iterator
from random import Random
from typing import NamedTuple

import numpy as np

from milp_amp.space.chain import Chain

MANY_STAGES = 4
"""Stages from which on the first one pays its activation twice, where stages move their own data."""


class PricedPath(NamedTuple):
    """A path that keeps capacity and memory: (first layer, first layer after, place) per stage, and what it costs."""

    steps: tuple[tuple[int, int, int], ...]
    value: float
    bottleneck: float
    synchronisation: float


def draw(seed: int, max_layers: int = 5, max_places: int = 4) -> Chain:
    """Return the program of a seed; both kinds of links, several sizes of messages, memory that may bind."""
    random = Random(seed)
    layers, places, resources = random.randint(1, max_layers), random.randint(1, max_places), random.randint(1, 3)
    stations = random.random() < 0.5
    rows, sizes = random.randint(1, places), 1 if stations else random.randint(1, 2)
    backward = stations is False or random.random() < 0.5
    interval = np.triu(np.ones((layers, layers + 1), bool), 1)
    seconds = np.where(interval, table(random, rows, layers, layers + 1), math.inf)
    if random.random() < 0.3:
        seconds[table(random, rows, layers, layers + 1) < 2] = math.inf
    shape = (places, places)
    return Chain(
        data_parallel=1,
        microbatch_size=1,
        num_microbatches=random.choice((1, 2, 3, 8)),
        capacity=np.array([random.randint(1, 5) for _ in range(resources)]),
        usage=np.array([[random.choice((0, 1, 1, 2)) for _ in range(resources)] for _ in range(places)]),
        seconds=seconds,
        seconds_row=indices(random, rows, places),
        most_stages=_most_stages(random, rows, layers),
        most_stages_row=indices(random, rows, places),
        forward=_links(random, sizes, places),
        backward=table(random, sizes, *shape) if backward else np.zeros((sizes, *shape)),
        size=indices(random, sizes, places * (layers + 1)).reshape(places, layers + 1),
        volume=table(random, places, layers + 1) / 4 if stations else np.ones((places, layers + 1)),
        latency=table(random, *shape) / 4 if stations and random.random() < 0.5 else np.zeros(shape),
        synchronisation=np.where(interval, table(random, 2, layers, layers + 1), 0.0),
        synchronisation_row=indices(random, 2, places),
        synchronisation_rate=table(random, places),
        synchronisation_latency=table(random, places),
        update=np.zeros((places, layers)) if stations else table(random, places, layers),
        links_are_stations=stations,
        link_share=random.choice((0.0, 1.0)) if stations else 1.0,
    )


def table(random: Random, *shape: int) -> np.ndarray:
    """Return numbers from 0 to 9, whole ones among them so that there are ties."""
    values = [random.choice((random.randint(0, 9), random.uniform(0, 9))) for _ in range(math.prod(shape))]
    return np.array(values, float).reshape(shape)


def indices(random: Random, most: int, size: int) -> np.ndarray:
    """Return indices below ``most``."""
    return np.array([random.randrange(most) for _ in range(size)])


def _links(random: Random, sizes: int, places: int) -> np.ndarray:
    """Seconds from place to place; some cannot follow others, whatever the size of the message."""
    forward = table(random, sizes, places, places)
    if random.random() < 0.5:
        forward[:, table(random, places, places) < 3] = math.inf
    return forward


def _most_stages(random: Random, rows: int, layers: int) -> np.ndarray:
    shape = (rows, layers, layers + 1)
    if random.random() < 0.5:
        return np.full(shape, 10**6)
    return np.array([random.choice((0, 1, 2, 3, 10**6)) for _ in range(math.prod(shape))]).reshape(shape)


def every_path(chain: Chain) -> list[PricedPath]:
    """Return every path that keeps capacity and memory and has a finite price."""
    priced = (price(chain, steps) for steps in _sequences(chain) if _remembers(chain, steps))
    return [path for path in priced if path.value < math.inf]


def _sequences(chain: Chain) -> Iterator[tuple[tuple[int, int, int], ...]]:
    """Yield every sequence of stages that covers the layers and fits the capacity."""

    def extend(start: int, left: np.ndarray) -> Iterator[tuple[tuple[int, int, int], ...]]:
        if start == chain.num_layers:
            yield ()
        for k in range(chain.num_places):
            rest = left - chain.usage[k]
            for stop in range(start + 1, chain.num_layers + 1):
                if (rest >= 0).all() and chain.seconds[chain.seconds_row[k], start, stop] < math.inf:
                    yield from (((start, stop, k), *more) for more in extend(stop, rest))

    return extend(0, chain.capacity)


def _remembers(chain: Chain, steps: tuple[tuple[int, int, int], ...]) -> bool:
    return all(chain.most_stages[chain.most_stages_row[k], i, j] >= len(steps) - s for s, (i, j, k) in enumerate(steps))


def price(chain: Chain, steps: tuple[tuple[int, int, int], ...]) -> PricedPath:
    """Return what a path costs, term by term."""
    busy, links, last = [float(chain.seconds[chain.seconds_row[k], i, j]) for i, j, k in steps], [], len(steps) - 1
    for s, ((_, i, k), (_, _, after)) in enumerate(itertools.pairwise(steps)):
        z = chain.size[k, i]
        if chain.forward[z, k, after] == math.inf:
            return PricedPath(steps, math.inf, math.inf, math.inf)
        there, back = (float(part[z, k, after] * chain.volume[k, i]) for part in (chain.forward, chain.backward))
        if chain.links_are_stations:
            links.append(there + back + float(chain.latency[k, after]))
        else:
            busy[s] += there * (2 if s == 0 and len(steps) >= MANY_STAGES else 1)
            busy[s + 1] += back * (2 if s + 1 == last else 1)
    sigma = max(
        float(
            chain.synchronisation_rate[k] * chain.synchronisation[chain.synchronisation_row[k], i, j]
            + chain.synchronisation_latency[k]
        )
        for i, j, k in steps
    )
    bottleneck = max(busy + [chain.link_share * seconds for seconds in links])
    value = sum(busy) + sum(links) + (chain.num_microbatches - 1) * bottleneck + sigma
    return PricedPath(steps, value + max(float(chain.update[k, i]) for i, _, k in steps), bottleneck, sigma)
