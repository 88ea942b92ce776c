"""What the stages of a program cost in money under the ``sailor`` cost model.

    price = step_time · Σ_s rent[k] + m · Σ boundaries bytes[i] · toll[k, l] + Σ_s gradient_bytes[i, j] · ring[k]

for stages ``[i, j)`` on places ``k``, the next one on ``l``; gradient bytes are those of ``SailorTables``.
"""

import itertools
from dataclasses import dataclass

import numpy as np

from milp_amp.cost.collectives import ring_volume
from milp_amp.cost.network import FloatArray
from milp_amp.cost.routes import Routes
from milp_amp.errors import FormulationError
from milp_amp.space.sailor_places import Places, SailorPlaces
from milp_amp.units import hour


@dataclass(frozen=True, eq=False)
class Bill:
    """Prices of the ``K`` places of a configuration.

    Attributes
    ----------
    rent
        ``(K,)``: price per second of a stage's devices.
    boundary_bytes
        ``(layers + 1,)``: bytes of one microbatch of one replica over every boundary, one way.
    toll
        ``(K, K)``: price per such byte, there and back, of all replicas from a stage to the next one.
    ring
        ``(K,)``: price per gradient byte of a stage.
    """

    rent: FloatArray
    boundary_bytes: FloatArray
    toll: FloatArray
    ring: FloatArray


def bill(space: SailorPlaces, at: Places) -> Bill:
    """Return the prices of a configuration's places.

    Raises
    ------
    FormulationError
        If bytes between two nodes of one class have a price: it would depend on the nodes.
    """
    tolls = _tolls(space)
    both_ways = tolls + tolls.T
    types = space.costs.instance.cluster.device_types
    rates = np.array([types[kind.device_type].price_per_hour / hour for kind in space.classes])
    sizes, of_boundary = space.tables.messages(at.microbatch_size)
    replicas = np.array([place.replicas for place in at.places])
    degree = np.array([place.tensor_parallel for place in at.places])
    crossings = [list(itertools.pairwise((*place.members, place.members[0]))) for place in at.places]
    return Bill(
        rent=degree * (replicas @ rates),
        boundary_bytes=sizes[of_boundary],
        toll=np.einsum("gh,ghkl->kl", both_ways, space.facing(at.places)),
        ring=ring_volume(at.data_parallel) * np.array([sum(tolls[pair] for pair in pairs) for pairs in crossings]),
    )


def _tolls(space: SailorPlaces) -> FloatArray:
    """Return the price per byte from one class to another ``(classes, classes)``."""
    routes = Routes(space.costs.instance.cluster)
    groups = [kind.nodes[0].group for kind in space.classes]
    for kind, group in zip(space.classes, groups, strict=True):
        if len(kind.nodes) > 1 and routes.price_per_byte(group, group, same_node=False) > 0:
            raise FormulationError(f"cluster.links: bytes between nodes of {group.name} have a price, expected none")
    return np.array([[routes.price_per_byte(g, h, same_node=g.name == h.name) for h in groups] for g in groups])
