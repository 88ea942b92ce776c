"""What the stages of a program cost in money under the ``sailor`` cost model."""

import itertools

import numpy as np

from milp_amp.cost.collectives import ring_volume
from milp_amp.cost.network import FloatArray
from milp_amp.cost.routes import Routes
from milp_amp.errors import FormulationError
from milp_amp.space.bill import Bill
from milp_amp.space.classes import rates
from milp_amp.space.sailor_places import Places, SailorPlaces


def bill(space: SailorPlaces, at: Places) -> Bill:
    """Return the prices of a configuration's places.

    Raises
    ------
    FormulationError
        If bytes between two nodes of one class have a price: it would depend on the nodes.
    """
    tolls = _tolls(space)
    both_ways = tolls + tolls.T
    sizes, of_boundary = space.tables.messages(at.microbatch_size)
    replicas = np.array([place.replicas for place in at.places])
    degree = np.array([place.tensor_parallel for place in at.places])
    crossings = [list(itertools.pairwise((*place.members, place.members[0]))) for place in at.places]
    return Bill(
        rent=degree * (replicas @ rates(space.costs.instance.cluster, space.classes)),
        boundary_bytes=sizes[of_boundary],
        toll=np.einsum("gh,ghkl->kl", both_ways, space.facing(at.places)),
        kind=np.arange(len(at.places)),
        gradient_bytes=space.tables.gradient_bytes,
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
