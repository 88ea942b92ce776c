"""The flow of a placement, for those who claim one: SciPy's max flow, and the exact capacity of the cut it ends at."""

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

from milp_amp.cost.network import FloatArray, Network
from milp_amp.plan.placement import Placement
from milp_amp.problem.serving import ServingInstance

LARGEST = 2**31 - 1
"""SciPy's capacities are 32-bit integers."""


def tokens_per_s(instance: ServingInstance, placement: Placement, network: Network) -> float:
    """Return the tokens per second that a placement carries.

    Vertices are source, sink, and for every machine an entrance and an exit with its tokens per second between them.
    """
    capacity = _capacities(instance, placement, network)
    most = sum(max(performance.tokens_per_s) for performance in map(instance.performance_of, instance.machines))
    # Twice what all machines carry is never full, so no clipped arc is in the cut.
    whole = np.floor(np.minimum(capacity, 2 * most) * (LARGEST / (4 * most))).astype(np.int32)
    flow = maximum_flow(csr_array(whole), 0, 1).flow.toarray()
    reached = breadth_first_order(csr_array(whole - flow > 0), 0, return_predecessors=False)
    side = np.zeros(len(capacity), dtype=bool)
    side[reached] = True
    return float(capacity[np.ix_(side, ~side)].sum())


def _capacities(instance: ServingInstance, placement: Placement, network: Network) -> FloatArray:
    held = [
        (machine, *placement.layers[machine.name]) for machine in instance.machines if machine.name in placement.layers
    ]
    capacity = np.zeros((2 + 2 * len(held), 2 + 2 * len(held)))
    for v, (machine, start, stop) in enumerate(held):
        entrance, way_out = 2 + 2 * v, 3 + 2 * v
        capacity[entrance, way_out] = instance.tokens_per_s(machine, stop - start)
        capacity[0, entrance] = instance.entry_tokens_per_s if start == 0 else 0.0
        capacity[way_out, 1] = instance.entry_tokens_per_s if stop == instance.model.num_layers else 0.0
        for w, (other, begin, end) in enumerate(held):
            if begin == stop or (placement.partial_inference and begin < stop < end):
                bandwidth = float(network.between[machine.index, other.index])
                capacity[way_out, 2 + 2 * w] = instance.link_tokens_per_s(bandwidth)
    return capacity
