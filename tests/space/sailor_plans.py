"""All plans of a small world under the ``sailor`` cost model, priced by the judge."""

import itertools
import math
from collections import Counter

from milp_amp.cost.network import measure
from milp_amp.cost.sailor import SailorCost
from milp_amp.judge.evaluate import closed_form
from milp_amp.plan.strategy import Stage, Strategy


def best_value(world, order):
    """Return the least objective of all plans with one tensor degree per stage, replicas in one order of the groups."""
    costs = SailorCost(world, measure(world.cluster))
    hosts = world.cluster.hosts
    kinds = [(next(h.group.devices for h in hosts if h.group.name == name), name) for name in order]
    room = [sum(h.group.devices for h in hosts if h.group.name == name) for name in order]
    best = math.inf
    for d, b in itertools.product(range(1, sum(room) + 1), (1, 2)):
        for cuts in _partitions(world.model.num_layers):
            for stages in itertools.product(list(_homes(d, kinds)), repeat=len(cuts)):
                used = Counter[int]()
                for t, members in stages:
                    used.update({g: t * n for g, n in members})
                if all(used[g] <= room[g] for g in used):
                    plan = _plan(world, kinds, d, b, cuts, stages)
                    seconds, broken = closed_form(world, plan, costs)
                    if seconds is not None and not broken:
                        best = min(best, seconds)
    return best


def _partitions(layers):
    for count in range(layers):
        for cuts in itertools.combinations(range(1, layers), count):
            yield list(itertools.pairwise((0, *cuts, layers)))


def _homes(d, kinds):
    """(t, ((group, replicas), …)) of one stage."""
    for t in (1, 2):
        for counts in itertools.product(range(d + 1), repeat=len(kinds)):
            members = tuple((g, n) for g, n in enumerate(counts) if n > 0)
            if sum(counts) == d and all(kinds[g][0] >= t for g, _ in members):
                yield t, members


def _plan(world, kinds, d, b, cuts, stages):
    """Hand out devices to pairs first, so that no pair meets the end of its node."""
    groups = {}
    for g, (_, name) in enumerate(kinds):
        devices = (a for a, host in world.cluster.host_of_device.items() if host.group.name == name)
        order = sorted(range(len(stages)), key=lambda s: -stages[s][0])
        for s in order:
            t, members = stages[s]
            count = dict(members).get(g, 0)
            groups[s, g] = [tuple(itertools.islice(devices, t)) for _ in range(count)]
    built = tuple(
        Stage(layers=cut, tensor_parallel=t, replicas=tuple(x for g, _ in members for x in groups[s, g]))
        for s, (cut, (t, members)) in enumerate(zip(cuts, stages, strict=True))
    )
    return Strategy(microbatch_size=b, data_parallel=d, stages=built)
