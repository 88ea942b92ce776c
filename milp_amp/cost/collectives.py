"""Seconds of transfers per byte over the network's max flows, and the shape of collectives.

Transfers that share, share what they cross: the flow between two nodes, and each node's way out and in. A transfer
inside a node crosses neither.
"""

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence

from milp_amp.cost.network import Network


def concurrent_seconds_per_byte(network: Network, pairs: Sequence[tuple[int, int]], streams: int = 1) -> float:
    """Return the seconds until every pair of nodes has moved ``streams`` bytes, all at the same time.

    A pair of equal nodes moves between two devices inside the node, each stream on its own device.
    """
    crossing = Counter(pair for pair in pairs if pair[0] != pair[1])
    sent = Counter[int]()
    received = Counter[int]()
    for (source, target), count in crossing.items():
        sent[source] += count
        received[target] += count
    loads = [1.0 / float(network.between[v, v]) for v, w in pairs if v == w]
    loads += [streams * count / float(network.between[v, w]) for (v, w), count in crossing.items()]
    loads += [streams * count / float(network.outbound[v]) for v, count in sent.items()]
    loads += [streams * count / float(network.inbound[w]) for w, count in received.items()]
    return max(loads, default=0.0)


def slowest_seconds_per_byte(network: Network, pairs: Iterable[tuple[int, int]]) -> float:
    """Return the seconds until every pair of nodes has moved a byte, each with its bandwidth for itself."""
    return max((1.0 / float(network.between[pair]) for pair in pairs), default=0.0)


def all_pairs(sources: Sequence[int], targets: Sequence[int]) -> list[tuple[int, int]]:
    """Return every pair that some order of the replicas makes exchange something: any source with any target."""
    return list(itertools.product(sorted(set(sources)), sorted(set(targets))))


def ring_pairs(nodes: Sequence[int]) -> list[tuple[int, int]]:
    """Return the edges of the ring through the replicas, in their order."""
    return [(nodes[r], nodes[(r + 1) % len(nodes)]) for r in range(len(nodes))]


def ring_volume(size: int) -> float:
    """Bytes each edge of a ring all-reduce carries, per byte reduced: ``2 (d − 1) / d``.

    Patarasuk and Yuan, "Bandwidth optimal all-reduce algorithms", 2009.
    """
    return 2.0 * (size - 1) / size


def ring_rounds(size: int) -> int:
    """Messages that follow each other in a ring all-reduce: ``2 (d − 1)``, as many as there are shares to pass on."""
    return 2 * (size - 1)
