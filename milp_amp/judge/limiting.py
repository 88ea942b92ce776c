"""The links that limit a plan: the minimum cut between the two nodes that exchange least at its slowest boundary."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from milp_amp.cost.graph import ClusterGraph, Cut
from milp_amp.cost.network import Network
from milp_amp.judge.evaluation import Evaluation
from milp_amp.plan.strategy import Stage, Strategy
from milp_amp.problem.cluster import Cluster, Node


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A minimum cut, and why just this one.

    Attributes
    ----------
    reason
        Between what, as the words after "minimum cut".
    """

    cut: Cut
    source: Node
    target: Node
    reason: str


def limiting_cut(
    cluster: Cluster, network: Network, strategy: Strategy | None = None, evaluation: Evaluation | None = None
) -> Limit | None:
    """Return what limits a plan's slowest boundary; without one, what limits the pair that exchanges least.

    ``None`` where there is but one node.
    """
    everywhere = range(len(cluster.hosts))
    found = _of_plan(cluster, network, strategy, evaluation) if strategy and evaluation else None
    if found is None and (pair := _weakest(cluster, network, everywhere, everywhere)):
        found = (*pair, "which exchange least of all nodes")
    if found is None:
        return None
    source, target, where = found
    reason = f"between {source.name} and {target.name}, {where}"
    return Limit(cut=ClusterGraph(cluster).cut(source, target), source=source, target=target, reason=reason)


def _of_plan(
    cluster: Cluster, network: Network, strategy: Strategy, evaluation: Evaluation
) -> tuple[Node, Node, str] | None:
    """Return the nodes that exchange least on either side of the slowest boundary, or else in the only stage."""
    taken = evaluation.boundary_seconds
    if not taken:
        nodes = _nodes(cluster, strategy.stages[0])
        pair = _weakest(cluster, network, nodes, nodes)
        return None if pair is None else (*pair, "which exchange least of the nodes that synchronise")
    slowest = max(range(len(taken)), key=lambda boundary: taken[boundary])
    sender, receiver = list(pairwise(strategy.stages))[slowest]
    found = _weakest(cluster, network, _nodes(cluster, sender), _nodes(cluster, receiver))
    if found is None:
        return None
    return *found, f"the weakest pair at boundary {slowest}, the plan's slowest"


def _weakest(
    cluster: Cluster, network: Network, sources: Sequence[int], targets: Sequence[int]
) -> tuple[Node, Node] | None:
    """Return the first of the pairs of different nodes that exchange least."""
    bandwidth = network.between[np.ix_(sources, targets)]
    apart = np.not_equal.outer(np.array(sources), np.array(targets))
    if not apart.any():
        return None
    row, column = divmod(int(np.where(apart, bandwidth, np.inf).argmin()), len(targets))
    return cluster.hosts[sources[row]], cluster.hosts[targets[column]]


def _nodes(cluster: Cluster, stage: Stage) -> list[int]:
    return sorted({cluster.host_of_device[group[0]].index for group in stage.replicas})
