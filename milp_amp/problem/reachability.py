"""Whether every node can send to every other one."""

from collections.abc import Iterable, Sequence

Edges = dict[str, set[str]]


def cut_off(nodes: Sequence[str], edges: Iterable[tuple[str, str]], hosts_forward: bool) -> tuple[str, str] | None:
    """Return a pair of nodes of which the first cannot send to the second, or ``None``.

    Parameters
    ----------
    nodes
        Hosts; every other name on an edge is a switch.
    edges
        Directed edges between names.
    hosts_forward
        Whether a way may lead through other hosts.
    """
    forward: Edges = {}
    backward: Edges = {}
    for source, target in edges:
        forward.setdefault(source, set()).add(target)
        backward.setdefault(target, set()).add(source)
    if not hosts_forward:
        return _pair_without_switches(nodes, forward)
    first = nodes[0]  # whoever reaches it and is reached by it reaches everybody
    reached, reaching = _reachable(first, forward, frozenset()), _reachable(first, backward, frozenset())
    for node in nodes:
        if node not in reached:
            return first, node
        if node not in reaching:
            return node, first
    return None


def _pair_without_switches(nodes: Sequence[str], edges: Edges) -> tuple[str, str] | None:
    hosts = frozenset(nodes)
    for source in nodes:
        reached = _reachable(source, edges, hosts)
        if missing := next((node for node in nodes if node not in reached), None):
            return source, missing
    return None


def _reachable(start: str, edges: Edges, ends: frozenset[str]) -> set[str]:
    """Return what can be reached from a name; no way leads on from ``ends``."""
    seen, frontier = {start}, [start]
    while frontier:
        fresh = edges.get(frontier.pop(), set()) - seen
        seen |= fresh
        frontier.extend(fresh - ends)
    return seen
