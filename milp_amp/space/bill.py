"""What the stages of a program cost in money.

    price = step_time · Σ_s rent[k] + m · Σ boundaries bytes[i] · toll[k, l] + Σ_s gradient_bytes[i, j] · ring[k]

for stages ``[i, j)`` on places ``k``, the next one on ``l``.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from milp_amp.cost.network import FloatArray
from milp_amp.space.chain import Chain, IntArray
from milp_amp.space.terms import Terms

TICKS = 1000
"""Capacity of the rent as a resource: not far from numbers of devices, so that steps of prices suit all resources."""


@dataclass(frozen=True, eq=False)
class Bill:
    """Prices of the ``K`` places of a configuration of ``L`` layers.

    Attributes
    ----------
    rent
        ``(K,)``: price per second of a stage's devices.
    boundary_bytes
        ``(L + 1,)``: bytes of one microbatch of one replica over every boundary, one way.
    toll, kind
        ``(kinds, kinds)`` and ``(K,)``: price per such byte, there and back, of all replicas from a stage on ``k`` to
        the next one on ``l`` is ``toll[kind[k], kind[l]]``.
    gradient_bytes
        ``(L, L + 1)``: of the layers ``[i, j)``.
    ring
        ``(K,)``: price per gradient byte of a stage.
    """

    rent: FloatArray
    boundary_bytes: FloatArray
    toll: FloatArray
    kind: IntArray
    gradient_bytes: FloatArray
    ring: FloatArray

    def subset(self, alive: npt.NDArray[np.bool_]) -> "Bill":
        """Return the prices of some of the places, given as a mask ``(K,)``."""
        return replace(self, rent=self.rent[alive], kind=self.kind[alive], ring=self.ring[alive])


def rents_alone(chain: Chain, rent: FloatArray) -> Bill:
    """Return the prices of places where no byte has a price."""
    return Bill(
        rent=rent,
        boundary_bytes=np.zeros(chain.num_layers + 1),
        toll=np.zeros((1, 1)),
        kind=np.zeros(chain.num_places, np.int64),
        gradient_bytes=np.zeros((chain.num_layers, chain.num_layers + 1)),
        ring=np.zeros(chain.num_places),
    )


def with_rent(chain: Chain, rent: FloatArray, ceiling: float) -> Chain:
    """Return a program with one resource more, of which stages take their rents: no plan up to the ceiling is lost.

    Stages' rents are rounded down to ticks, of which the ceiling is a whole number.
    """
    tick = ceiling / TICKS if ceiling > 0 else 1.0
    used = np.minimum(np.floor(rent / tick), TICKS + 1).astype(np.int64)
    place = len(chain.capacity) - chain.implied
    return replace(
        chain,
        usage=np.insert(chain.usage, place, used, axis=1),
        capacity=np.insert(chain.capacity, place, TICKS),
    )


class Tariff(NamedTuple):
    """A bill and its terms as compiled functions take them; ``value`` is what a plan must be worth less than.

    ``moved`` is ``boundary_bytes`` of all microbatches of a step.
    """

    rent: Any
    moved: Any
    toll: Any
    kind: Any
    gradient: Any
    ring: Any
    priced: bool
    by_price: bool
    latest: float
    budget: float
    value: float


def tariff(chain: Chain, bill: Bill | None, terms: Terms, value: float) -> Tariff:
    """Return the arrays of a bill."""
    bill = bill or rents_alone(chain, np.zeros(chain.num_places))
    return Tariff(
        rent=bill.rent,
        moved=bill.boundary_bytes * chain.num_microbatches,
        toll=bill.toll,
        kind=bill.kind,
        gradient=bill.gradient_bytes,
        ring=bill.ring,
        priced=terms.priced,
        by_price=terms.by_price,
        latest=terms.latest,
        budget=terms.budget,
        value=value,
    )
