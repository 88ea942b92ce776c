"""Chains in graphs: the order of their nodes, or the name of the node at which a graph is none."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from milp_amp.exchange.incoming.chain import check_length
from milp_amp.exchange.incoming.given import Given


@dataclass(frozen=True)
class Edge:
    """What a node sends to another."""

    source: int
    target: int
    moved: float


@dataclass(frozen=True)
class Step:
    """A node of a chain, and what it sends to the next one."""

    node: int
    output: float


def check_nodes(given: Given, nodes: Sequence[int]) -> None:
    """Refuse a graph without nodes, or with two of one id.

    Raises
    ------
    InputError
        If it is one.
    """
    check_length(given, "nodes", len(nodes))
    if twice := [node for node, count in Counter(nodes).items() if count > 1]:
        raise given.refusal(f"node {twice[0]} stands twice", "ids that are unique")


def ordered(given: Given, nodes: Sequence[int], edges: Sequence[Edge]) -> list[Step]:
    """Return the nodes in the order of the chain that they are.

    Raises
    ------
    InputError
        If they are no chain; the message names the node where they branch, meet, end too soon or run in a circle.
    """
    after: dict[int, Edge] = {}
    before: dict[int, Edge] = {}
    known = set(nodes)
    for edge in edges:
        for end in (edge.source, edge.target):
            if end not in known:
                raise given.refusal(f"an edge at node {end}, which is missing", "edges between nodes")
        for at, ends, verb in ((edge.source, after, "branches to"), (edge.target, before, "joins")):
            other = edge.target if ends is after else edge.source
            if at in ends:
                first = ends[at].target if ends is after else ends[at].source
                raise given.refusal(f"node {at} {verb} nodes {first} and {other}", "a chain of layers")
            ends[at] = edge
    starts = [node for node in nodes if node not in before]
    if len(starts) != 1:
        found = f"nodes {starts[0]} and {starts[1]} begin chains" if starts else f"node {nodes[0]} is in a circle"
        raise given.refusal(found, "one chain of layers")
    steps = _walk(starts[0], after)
    if len(steps) < len(nodes):
        inside = {step.node for step in steps}
        outside = next(node for node in nodes if node not in inside)
        raise given.refusal(f"node {outside} is in a circle", "one chain of layers")
    return steps


def _walk(start: int, after: dict[int, Edge]) -> list[Step]:
    steps = []
    node: int | None = start
    while node is not None:
        edge = after.get(node)
        steps.append(Step(node, 0.0 if edge is None else edge.moved))
        node = None if edge is None else edge.target
    return steps
