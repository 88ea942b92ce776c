"""A chain as compiled functions take it: a named tuple of arrays."""

from typing import NamedTuple

import numpy as np

from milp_amp.cost.network import FloatArray
from milp_amp.space.chain import Chain, IntArray


class Arrays(NamedTuple):
    """The arrays of a ``Chain``, and two that are derived from them.

    Attributes
    ----------
    sent, returned
        ``(K, L + 1)``: the least seconds a stage on ``k`` itself sends its activation over a boundary, and returns its
        gradient; zero where links are stations of their own, and at the ends of the chain.
    """

    usage: IntArray
    capacity: IntArray
    seconds: FloatArray
    seconds_row: IntArray
    most_stages: IntArray
    most_stages_row: IntArray
    forward: FloatArray
    backward: FloatArray
    size: IntArray
    volume: FloatArray
    latency: FloatArray
    synchronisation: FloatArray
    synchronisation_row: IntArray
    synchronisation_rate: FloatArray
    synchronisation_latency: FloatArray
    update: FloatArray
    links_are_stations: bool
    weight: float
    sent: FloatArray
    returned: FloatArray


def arrays(chain: Chain) -> Arrays:
    """Return the arrays of a chain."""
    sent, returned = _least_own_links(chain)
    own = {field: getattr(chain, field) for field in Arrays._fields if field not in ("sent", "returned", "weight")}
    return Arrays(**own, weight=float(chain.weight), sent=sent, returned=returned)


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
