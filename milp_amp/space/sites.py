"""Sites: groups of machines that slow links join, and what a link between two of them carries."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

from milp_amp.cost.network import Network
from milp_amp.problem.serving import ServingInstance
from milp_amp.space.fleet import Fleet


@dataclass(frozen=True)
class Sites:
    """Where machines stand.

    Attributes
    ----------
    groups
        Names of the groups of nodes, site by site.
    tokens_per_s
        By two groups, in order: what a machine of the one sends to a machine of the other, at most.
    """

    groups: tuple[tuple[str, ...], ...]
    tokens_per_s: dict[tuple[str, str], float]

    def least(self, a: int, b: int) -> float:
        """Return what every two machines of two sites can exchange in either direction."""
        return min(
            min(self.tokens_per_s[g, h], self.tokens_per_s[h, g]) for g in self.groups[a] for h in self.groups[b]
        )

    def most(self, senders: Iterable[str], receivers: Iterable[str]) -> float:
        """Return the most that some machine of the first groups sends to one of the others; ``0`` without any."""
        others = tuple(receivers)
        return max((self.tokens_per_s[g, h] for g in senders for h in others), default=0.0)


def part_of(fleet: Fleet, groups: Iterable[str]) -> Fleet:
    """Return the machines of some groups alone."""
    names = tuple(groups)
    return Fleet(
        fleet.layers, {name: fleet.count[name] for name in names}, {name: fleet.tokens_per_s[name] for name in names}
    )


def sites_of(instance: ServingInstance, network: Network, most: float) -> Sites:
    """Return the sites of an instance in which no placement carries more than ``most`` tokens per second.

    A link between two machines limits nothing if it carries what either of them does at best, or ``most``: two groups
    between which no link limits anything are of one site, and so are those that a chain of such groups joins.
    """
    machine = {m.group.name: m for m in reversed(instance.machines)}
    best = {name: max(performance.tokens_per_s) for name, performance in instance.performance.items()}
    carried = {
        (g, h): instance.link_tokens_per_s(float(network.between[machine[g].index, machine[h].index]))
        for g in machine
        for h in machine
        if g != h
    }
    left, found = [group.name for group in instance.cluster.nodes], []
    while left:
        site = [left.pop(0)]
        for g in site:
            near = [h for h in left if min(carried[g, h], carried[h, g]) >= min(best[g], best[h], most)]
            left = [h for h in left if h not in near]
            site += near
        found.append(tuple(site))
    return Sites(tuple(found), carried)


def divided(sites: tuple[int, ...], most: int) -> Iterator[tuple[tuple[int, ...], ...]]:
    """Yield every way to divide up to ``most`` sites into two parts or more; of more sites, only one by one."""
    if len(sites) > most:
        yield tuple((s,) for s in sites)
    else:
        yield from (parts for parts in _parts(sites) if len(parts) > 1)


def _parts(sites: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], ...]]:
    if not sites:
        yield ()
    for size in range(len(sites)):
        for beside in combinations(sites[1:], size):
            left = tuple(s for s in sites[1:] if s not in beside)
            yield from (((sites[0], *beside), *more) for more in _parts(left))
