"""Where stages may sit: the homes that ``space.places`` describes, and all that there are; from the instance alone."""

import itertools
from collections import Counter
from collections.abc import Iterator

from milp_amp.cost.model import CostModel
from milp_amp.problem.instance import Instance
from tests.agreement.brute_force import classes_of
from tests.placements.plans import Home

POWERS = {1, 2, 4, 8}


def tensor_degrees(instance: Instance) -> list[int]:
    return sorted({entry.tensor_parallel for entry in instance.profile})


def decided_by_pairs(instance: Instance, costs: CostModel) -> bool:
    return costs.name == "pipeline" and instance.cluster.contention == "slowest_pair"


class Anywhere:
    """Any replica on any node that has room for it; a state is what is free on every node.

    Where costs are of node sets, one order of the replicas stands for all.
    """

    def __init__(self, instance: Instance, costs: CostModel) -> None:
        self._able = {
            (host.index, t)
            for host in instance.cluster.hosts
            for t in tensor_degrees(instance)
            if costs.layer_seconds(host.group.device, t, 1) is not None
        }
        self._degrees = tensor_degrees(instance)
        self._ordered = not decided_by_pairs(instance, costs)
        self.start = tuple(host.group.devices for host in instance.cluster.hosts)

    def __call__(self, d: int, free: tuple[int, ...]) -> Iterator[tuple[Home, tuple[int, ...]]]:
        for t in self._degrees:
            nodes = [v for v, room in enumerate(free) if room >= t and (v, t) in self._able]
            repeated = itertools.product(nodes, repeat=d)
            for seats in repeated if self._ordered else itertools.combinations_with_replacement(nodes, d):
                left = tuple(room - t * seats.count(v) for v, room in enumerate(free))
                if min(left) >= 0:
                    yield Home(t, seats), left


class Compact(Anywhere):
    """Among them, those with every stage inside one node or on whole nodes."""

    def __call__(self, d: int, free: tuple[int, ...]) -> Iterator[tuple[Home, tuple[int, ...]]]:
        for home, left in super().__call__(d, free):
            used = Counter(home.seats)
            if len(used) == 1 or all(home.tensor_parallel * n == self.start[v] for v, n in used.items()):
                yield home, left


class Documented:
    """What the documentation of ``space.places`` lists.

    A state is what is free on every node, which nodes belong to a group of several or of a larger class, and the
    group that the last stage sits on.
    """

    def __init__(self, instance: Instance, costs: CostModel) -> None:
        self._anywhere = Anywhere(instance, costs)
        self._size = self._anywhere.start
        self._classes = [[node.index for node in members] for members in classes_of(instance, costs)]
        self._alone = {members[0] for members in self._classes if len(members) == 1}
        self._degrees = tensor_degrees(instance)
        self._compact = decided_by_pairs(instance, costs) and len(self._alone) == len(self._size)
        if instance.workload.all_reduce == "hierarchical":
            self._compact &= not any(group.latency_us for group in instance.cluster.nodes)
        self._compact &= len(set(self._size)) == 1 and set(self._degrees) | set(self._size) <= POWERS
        self.start = self._size, frozenset[int](), None

    def __call__(self, d, state):
        free, claimed, last = state
        for t, c in itertools.product(self._degrees, (c for c in range(1, d + 1) if d % c == 0)):
            if self._compact and d in POWERS and t * c < min(t * d, self._size[0]):
                continue
            for nodes in self._groups(d // c, free):
                yield from self._seated(t, c, nodes, free, claimed | set(nodes))
            if last is not None and last[1] == c:
                yield from self._seated(t, c, last[0], free, claimed)
            if c == d:
                for v in self._alone - claimed:
                    yield from self._seated(t, c, (v,), free, claimed)

    def _seated(self, t, c, nodes, free, claimed):
        able = all((v, t) in self._anywhere._able for v in nodes)
        left = tuple(room - t * c * (v in nodes) for v, room in enumerate(free))
        if able and min(left) >= 0:
            group = (nodes, c) if claimed.issuperset(nodes) else None
            yield Home(t, tuple(v for v in nodes for _ in range(c))), (left, claimed, group)

    def _groups(self, count, free):
        """Nodes that nobody has used, so many together; of each class the first ones, except one node of its own."""
        unused = [[v for v in members if free[v] == self._size[v]] for members in self._classes]
        for numbers in itertools.product(*(range(len(members) + 1) for members in unused)):
            nodes = tuple(v for members, n in zip(unused, numbers, strict=True) for v in members[:n])
            if len(nodes) == count and not (count == 1 and nodes[0] in self._alone):
                yield nodes
