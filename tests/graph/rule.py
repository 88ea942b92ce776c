"""What is lost where nodes stand for the network: two nodes exchange what the slower of them can, as AMP has it."""

from typing import NamedTuple

import msgspec

from formulations import interval_dp
from milp_amp.bounds.prepass import prepare
from milp_amp.cost.network import measure
from milp_amp.engine.limits import Limits
from milp_amp.judge.evaluate import evaluate
from milp_amp.plan.result import Status
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.cluster import Link
from milp_amp.problem.instance import Instance
from milp_amp.units import GBps

HUB = "hub"


class Planned(NamedTuple):
    """A plan, the seconds it was chosen for, and those it takes on the true cluster."""

    strategy: Strategy
    promised: float
    seconds: float


def seen_by_nodes(instance: Instance) -> Instance:
    """Return the instance with ``min(out(v), in(w))`` between any two nodes.

    Every node hangs on one switch by what it sends to, and receives from, all others together.
    """
    cluster, network = instance.cluster, measure(instance.cluster)
    index = {host.group.name: host.index for host in cluster.hosts}
    links = []
    for group in cluster.nodes:
        out, into = float(network.outbound[index[group.name]]), float(network.inbound[index[group.name]])
        links.append(Link(source=group.name, target=HUB, bandwidth_GBps=out / GBps, one_way=True))
        links.append(Link(source=HUB, target=group.name, bandwidth_GBps=into / GBps, one_way=True))
    star = msgspec.structs.replace(cluster, switches=(HUB,), links=tuple(links))
    return msgspec.structs.replace(instance, cluster=star)


def plan(believed: Instance, true: Instance) -> Planned:
    """Return the proved best plan of what is believed, priced by the judge on what is true."""
    result = interval_dp.solve(believed, prepare(believed), Limits())
    assert result.status is Status.OPTIMAL
    assert result.strategy is not None
    assert result.objective is not None
    judged = evaluate(true, result.strategy)
    assert judged.violations == ()
    assert judged.step_time is not None
    return Planned(result.strategy, result.objective, judged.step_time)
