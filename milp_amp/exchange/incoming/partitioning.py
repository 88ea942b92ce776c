"""The two halves of dnn-partitioning's training graphs: forward nodes, and the backward node of each."""

from collections.abc import Sequence
from dataclasses import dataclass

from milp_amp.exchange.incoming.given import Given
from milp_amp.exchange.incoming.graph import check_nodes
from milp_amp.exchange.incoming.piper_file import PartitioningEdge, PartitioningFile, PartitioningNode


@dataclass(frozen=True)
class Halves:
    """A graph by its halves.

    Attributes
    ----------
    forward
        Every forward node by its id.
    backward
        The backward node of every forward node; empty in a graph of inference.
    edges
        Edges between forward nodes.
    """

    forward: dict[int, PartitioningNode]
    backward: dict[int, PartitioningNode]
    edges: Sequence[PartitioningEdge]

    def backward_latency(self, node: int) -> float:
        """Return what the backward pass of a forward node takes; nothing where it has none."""
        back = self.backward.get(node)
        return 0.0 if back is None else back.fpgaLatency

    @property
    def both_passes(self) -> float:
        """Bytes of all nodes, over those of the forward ones alone."""
        forward = sum(node.size for node in self.forward.values())
        return 1.0 + sum(node.size for node in self.backward.values()) / forward if forward else 1.0


def halves(given: Given, graph: PartitioningFile) -> Halves:
    """Return the halves of a graph.

    Raises
    ------
    InputError
        If a backward node has no forward node of its ``colorClass``, or several.
    """
    check_nodes(given, [node.id for node in graph.nodes])
    forward = {node.id: node for node in graph.nodes if not node.isBackwardNode}
    if not forward:
        raise given.refusal("no forward node", "one")
    homes: dict[int, list[int]] = {}
    for node in forward.values():
        if node.colorClass is not None:
            homes.setdefault(node.colorClass, []).append(node.id)
    backward: dict[int, PartitioningNode] = {}
    for node in graph.nodes:
        if not node.isBackwardNode:
            continue
        home = homes.get(node.colorClass, []) if node.colorClass is not None else []
        if len(home) != 1 or home[0] in backward:
            raise given.refusal(f"backward node {node.id}", "one forward node of its colorClass, and no other")
        backward[home[0]] = node
    known = {node.id for node in graph.nodes}
    for edge in graph.edges:
        for end in (edge.sourceId, edge.destId):
            if end not in known:
                raise given.refusal(f"an edge at node {end}, which is missing", "edges between nodes")
    edges = [edge for edge in graph.edges if edge.sourceId in forward and edge.destId in forward]
    return Halves(forward, backward, edges)
