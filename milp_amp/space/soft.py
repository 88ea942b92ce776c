"""The program of one configuration as gradient descent reads it: by layer and place, not by interval.

What a stage costs is taken for a sum over its layers, and one part that it pays whatever they are. For seconds that is
so; for rings and memory it is near enough to tell which plans are worth to be looked at exactly (``space.partition``).
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from milp_amp.cost.network import FloatArray
from milp_amp.space.bill import Bill
from milp_amp.space.chain import Chain
from milp_amp.space.terms import Terms

BoolArray = npt.NDArray[np.bool_]

DEARER = 10.0
"""Seconds of a layer where it may not be, over those of the slowest layer elsewhere."""

LONGEST = 1e4
"""Seconds of a ring that was never measured."""

MANY = 8
"""Stages to the end at which memory is looked at, beside one."""

UNLIMITED = 1e30
"""Of a limit that is not there: finite, so that its slope is a number."""


class Soft(NamedTuple):
    """Tables of ``L`` layers, ``K`` places, ``R`` resources and ``Z`` sizes of messages.

    Attributes
    ----------
    seconds, once
        ``(K, L)`` and ``(K,)``: of every layer, and of every stage that is not the whole chain.
    ring, ring_once
        The same of the synchronisation.
    held, stored
        ``(K, L)``: the share of memory that a layer takes, and takes again for every stage from its own to the last.
    volume
        ``(Z, K, L)``: by how much a boundary's volume grows where it moves behind a layer.
    forward, backward, latency
        As in ``Chain``, 0 where nothing can follow; there ``apart``, ``(K, K)``, is 1.
    usage
        ``(K, R)``: shares of the capacities.
    rent
        ``(K,)``: price per second.
    there, first, last
        ``(K,)``: whether a place is one at all, and whether the first stage may sit there, and the last one.
    stages, weight, stations, link_share
        ``p``, ``m − 1``, and as in ``Chain``.
    by_price, latest, budget
        As in ``Terms``.
    """

    seconds: Any
    once: Any
    ring: Any
    ring_once: Any
    held: Any
    stored: Any
    volume: Any
    forward: Any
    backward: Any
    latency: Any
    apart: Any
    usage: Any
    rent: Any
    there: Any
    first: Any
    last: Any
    stages: Any
    weight: Any
    stations: Any
    link_share: Any
    by_price: Any
    latest: Any
    budget: Any


def softened(chain: Chain, bill: Bill | None, terms: Terms, places: int) -> Soft:
    """Return the tables of one stage, padded to a number of places."""
    seconds, once = _by_layer(chain.seconds)
    first, last = ends(chain)
    held, stored = _memory(chain)
    resources = len(chain.capacity) - chain.implied
    ring = np.diff(np.minimum(chain.synchronisation[:, 0, :], LONGEST), axis=1)[chain.synchronisation_row]
    sizes = np.arange(len(chain.forward))[:, None, None]
    tables = {
        "seconds": seconds[chain.seconds_row],
        "once": once[chain.seconds_row],
        "ring": chain.synchronisation_rate[:, None] * ring,
        "ring_once": chain.synchronisation_latency,
        "held": held[chain.most_stages_row],
        "stored": stored[chain.most_stages_row],
        "volume": np.diff(np.where(chain.size == sizes, chain.volume, 0.0), axis=2),
        "forward": _finite(chain.forward),
        "backward": _finite(chain.backward),
        "latency": _finite(chain.latency),
        "apart": ~follow(chain),
        "usage": (chain.usage / np.maximum(chain.capacity, 1))[:, :resources],
        "rent": np.zeros(chain.num_places) if bill is None else bill.rent,
    }
    padded = {name: _padded(name, np.asarray(table, np.float32), places) for name, table in tables.items()}
    return Soft(
        **padded,
        there=np.arange(places) < chain.num_places,
        first=np.pad(first, (0, places - len(first))),
        last=np.pad(last, (0, places - len(last))),
        stages=np.int32(1),
        weight=np.float32(chain.weight),
        stations=np.bool_(chain.links_are_stations),
        link_share=np.float32(chain.link_share),
        by_price=np.bool_(terms.by_price),
        latest=np.float32(min(terms.latest, UNLIMITED)),
        budget=np.float32(min(terms.budget if terms.priced else UNLIMITED, UNLIMITED)),
    )


def ends(chain: Chain) -> tuple[BoolArray, BoolArray]:
    """Return on which places ``(K,)`` the first stage may sit, and the last one."""
    first, last = (part.min(axis=1) < np.inf for part in (chain.seconds[:, 0, :], chain.seconds[:, :, -1]))
    return first[chain.seconds_row], last[chain.seconds_row]


def follow(chain: Chain) -> BoolArray:
    """Return whether a stage on a place can be followed by one on another ``(K, K)``."""
    return np.asarray(np.isfinite(chain.forward).any(axis=0))


def _by_layer(table: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return what each layer adds to an interval ``(T, L)``, and what every stage pays beside ``(T,)``."""
    layers = np.arange(table.shape[1])
    single = table[:, layers, layers + 1]
    with np.errstate(invalid="ignore"):
        growth = np.diff(table, axis=2)
    least = np.where(np.isfinite(growth), growth, np.inf).min(axis=1)
    least[:, 0] = np.inf  # nothing grows into the first layer
    both = np.isfinite(least) & np.isfinite(single)
    beside = np.where(both, single - np.where(both, least, 0.0), np.inf).min(axis=1)
    once = np.where(np.isfinite(beside), np.maximum(beside, 0.0), 0.0)
    seconds = np.minimum(least, single - once[:, None])
    there = np.isfinite(seconds)
    slowest = np.where(there, seconds, 0.0).max(initial=0.0)
    return np.where(there, seconds, DEARER * slowest), once


def _memory(chain: Chain) -> tuple[FloatArray, FloatArray]:
    """Return the shares of memory ``(M, L)``: one over the layers that fit beside it, from it on or up to it."""
    few, many = (_shares(chain.most_stages >= stages) for stages in (1, MANY))
    stored = np.maximum(many - few, 0.0) / (MANY - 1)
    return np.maximum(few - stored, 0.0), stored


def _shares(fits: BoolArray) -> FloatArray:
    layers = fits.shape[1]
    lengths = np.where(fits, np.arange(layers + 1) - np.arange(layers)[:, None], 0)
    longest = np.maximum(lengths.max(axis=2), lengths.max(axis=1)[:, 1:])
    return np.where(longest == layers, 0.0, 1.0 / np.maximum(longest, 0.5))


def _finite(table: FloatArray) -> FloatArray:
    return np.where(np.isfinite(table), table, 0.0)


def _padded(name: str, table: npt.NDArray[np.float32], places: int) -> npt.NDArray[np.float32]:
    """Return a table with so many places; those that are added are not ``there``."""
    axes = {"volume": (1,), "forward": (1, 2), "backward": (1, 2), "latency": (0, 1), "apart": (0, 1)}.get(name, (0,))
    width = [(0, places - size if axis in axes else 0) for axis, size in enumerate(table.shape)]
    return np.pad(table, width)
