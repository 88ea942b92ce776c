"""A chain as compiled functions take it: a named tuple of arrays."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from milp_amp.cost.network import FloatArray
from milp_amp.space.chain import Chain, IntArray


class Arrays(NamedTuple):
    """The arrays of a ``Chain``, with equal rows and columns of its links kept once, and some that are derived.

    Attributes
    ----------
    forward, backward, latency, size, volume
        As in the chain, for one place of every kind of sender (``link_row``) and of receiver (``link_column``): most
        places differ in other things than what it takes to reach them.
    link_row, link_column
        ``(K,)``: which rows and columns of the links a place reads as a sender and as a receiver.
    sent, returned
        ``(K, L + 1)``: the least seconds a stage on ``k`` itself sends its activation over a boundary, and returns its
        gradient; zero where links are stations of their own, and at the ends of the chain.
    both
        ``forward + backward``.
    least_link
        The least entry of ``forward + backward``.
    """

    usage: IntArray
    capacity: IntArray
    seconds: FloatArray
    seconds_row: IntArray
    most_stages: IntArray
    most_stages_row: IntArray
    forward: FloatArray
    backward: FloatArray
    latency: FloatArray
    size: IntArray
    volume: FloatArray
    link_row: IntArray
    link_column: IntArray
    synchronisation: FloatArray
    synchronisation_row: IntArray
    synchronisation_rate: FloatArray
    synchronisation_latency: FloatArray
    update: FloatArray
    links_are_stations: bool
    link_share: float
    weight: float
    sent: FloatArray
    returned: FloatArray
    both: FloatArray
    least_link: float


_DERIVED = (
    "forward",
    "backward",
    "latency",
    "size",
    "volume",
    "link_row",
    "link_column",
    "sent",
    "returned",
    "weight",
    "both",
    "least_link",
)


def arrays(chain: Chain) -> Arrays:
    """Return the arrays of a chain."""
    sent, returned = _least_own_links(chain)
    links = (chain.forward, chain.backward, chain.latency[None])
    senders, row = _distinct([*(link.transpose(1, 0, 2) for link in links), chain.size, chain.volume])
    receivers, column = _distinct([link.transpose(2, 0, 1) for link in links])
    few = np.ix_(senders, receivers)
    forward, backward = (np.array([link[few] for link in links]) for links in (chain.forward, chain.backward))
    return Arrays(
        **{field: getattr(chain, field) for field in Arrays._fields if field not in _DERIVED},
        forward=forward,
        backward=backward,
        latency=chain.latency[few],
        size=chain.size[senders],
        volume=chain.volume[senders],
        link_row=row,
        link_column=column,
        weight=float(chain.weight),
        sent=sent,
        returned=returned,
        both=forward + backward,
        least_link=float((forward + backward).min()),
    )


def _distinct(tables: Sequence[npt.NDArray[Any]]) -> tuple[IntArray, IntArray]:
    """Return one place of every kind that the tables, by place, tell apart, and every place's kind."""
    numbers: dict[bytes, int] = {}
    first: list[int] = []
    kind: list[int] = []
    # Most tables are of zeros alone; rows of the others are read where they lie together.
    varied = [np.ascontiguousarray(table) for table in tables if table.any()]
    for k in range(len(tables[0])):
        key = b"".join(table[k].tobytes() for table in varied)
        if key not in numbers:
            numbers[key] = len(first)
            first.append(k)
        kind.append(numbers[key])
    return np.array(first), np.array(kind)


def least_of_kind(values: FloatArray, kind: IntArray, kinds: int) -> FloatArray:
    """Return the least ``(kinds, …)`` of the values ``(K, …)`` of the places of every kind."""
    least = np.full((kinds, *values.shape[1:]), np.inf)
    np.minimum.at(least, kind, values)
    return least


def _least_own_links(chain: Chain) -> tuple[FloatArray, FloatArray]:
    """Return the least seconds ``(K, L + 1)`` that a stage itself sends, and returns; 0 where links are stations."""
    sent = np.zeros((chain.num_places, chain.num_layers + 1))
    returned = np.zeros_like(sent)
    if chain.links_are_stations:
        return sent, returned
    forward, backward = chain.forward.min(axis=2), chain.backward.min(axis=1)
    inner = slice(1, chain.num_layers)
    row = np.arange(chain.num_places)[:, None]
    sent[:, inner] = forward[chain.size[:, inner], row] * chain.volume[:, inner]
    # The size of what returns is the sender's, which is not known here: take the least of all.
    returned[:, inner] = backward.min(axis=0)[:, None] * chain.volume[:, inner].min(axis=0)
    return sent, returned
