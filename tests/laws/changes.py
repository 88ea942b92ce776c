"""Changes to an instance whose effect on the best plan is known without solving."""

from dataclasses import dataclass

import msgspec

from formulations import interval_dp
from milp_amp.bounds.prepass import prepare
from milp_amp.engine.limits import Limits
from milp_amp.formulation import Formulation
from milp_amp.plan.result import Result, Status
from milp_amp.problem.cluster import Link
from milp_amp.problem.instance import Instance

replace = msgspec.structs.replace
ROUNDING = 1 + 1e-6
"""Results are optimal within a gap of 10⁻⁷."""


def solved(world: Instance, solve: Formulation = interval_dp.solve) -> Result:
    """The best plan, by dynamic programming unless told otherwise."""
    result = solve(world, prepare(world), Limits())
    assert result.status in (Status.OPTIMAL, Status.INFEASIBLE)
    return result


def seconds(world: Instance, solve: Formulation = interval_dp.solve) -> float:
    """The least step time; infinite where no plan fits."""
    objective = solved(world, solve).objective
    return float("inf") if objective is None else objective


def faster(world: Instance, factor: float) -> Instance:
    """Every layer in less time."""

    def divided(values):
        return tuple(value / factor for value in values)

    times = [
        replace(times, forward_ms=divided(times.forward_ms), backward_ms=divided(times.backward_ms))
        for times in world.profile
    ]
    return replace(world, profile=tuple(times))


@dataclass(frozen=True)
class Wider:
    """More bandwidth on a whole class of links; cards are as much wider as the links between nodes."""

    between: float = 1.0
    inside: float = 1.0

    def __call__(self, world: Instance) -> Instance:
        cluster = world.cluster
        links = tuple(replace(link, bandwidth_GBps=self.between * link.bandwidth_GBps) for link in cluster.links)
        nodes = tuple(
            replace(
                group,
                bandwidth_GBps=self.inside * group.bandwidth_GBps,
                nic_GBps=group.nic_GBps and self.between * group.nic_GBps,
            )
            for group in cluster.nodes
        )
        return replace(world, cluster=replace(cluster, links=links, nodes=nodes))


def sooner(world: Instance, factor: float) -> Instance:
    """Less latency everywhere."""
    cluster = world.cluster
    links = tuple(replace(link, latency_us=link.latency_us / factor) for link in cluster.links)
    nodes = tuple(replace(group, latency_us=group.latency_us / factor) for group in cluster.nodes)
    return replace(world, cluster=replace(cluster, links=links, nodes=nodes))


def with_more_memory(world: Instance, factor: float, device_type: str) -> Instance:
    """More memory on every device of a type."""
    types = dict(world.cluster.device_types)
    types[device_type] = replace(types[device_type], memory_GiB=factor * types[device_type].memory_GiB)
    return replace(world, cluster=replace(world.cluster, device_types=types))


def renamed(world: Instance) -> Instance:
    """Other names for groups, switches and device types, in another alphabetical order."""
    cluster = world.cluster
    places = [group.name for group in cluster.nodes] + list(cluster.switches)
    new = {name: f"n{99 - position}" for position, name in enumerate(places)}
    kind = {name: f"t{99 - position}" for position, name in enumerate(cluster.device_types)}
    return replace(
        world,
        cluster=replace(
            cluster,
            device_types={kind[name]: device for name, device in cluster.device_types.items()},
            nodes=tuple(replace(g, name=new[g.name], device=kind[g.device]) for g in cluster.nodes),
            switches=tuple(new[switch] for switch in cluster.switches),
            links=tuple(replace(x, source=new[x.source], target=new[x.target]) for x in cluster.links),
        ),
        profile=tuple(replace(times, device=kind[times.device]) for times in world.profile),
    )


def halved_group(world: Instance, name: str) -> Instance:
    """One group of nodes written as two groups of half as many."""
    cluster = world.cluster
    halves = (f"{name}1", f"{name}2")
    nodes, links = [], []
    for group in cluster.nodes:
        parts = [replace(group, name=half, count=group.count // 2) for half in halves]
        nodes += parts if group.name == name else [group]
    for link in cluster.links:
        links += _between_halves(link, halves) if link.source == link.target == name else _to_halves(link, name, halves)
    return replace(world, cluster=replace(cluster, nodes=tuple(nodes), links=tuple(links)))


def _to_halves(link: Link, name: str, halves: tuple[str, str]) -> list[Link]:
    sources = halves if link.source == name else (link.source,)
    targets = halves if link.target == name else (link.target,)
    return [replace(link, source=source, target=target) for source in sources for target in targets]


def _between_halves(link: Link, halves: tuple[str, str]) -> list[Link]:
    """A link of a group to itself joins every two of its nodes, in both directions even if it is one-way."""
    inner = [replace(link, source=half, target=half) for half in halves]
    return [*inner, replace(link, source=halves[0], target=halves[1], one_way=False)]


def with_one_more_node(world: Instance, name: str) -> Instance:
    """One node more in a group."""
    groups = tuple(replace(g, count=g.count + (g.name == name)) for g in world.cluster.nodes)
    return replace(world, cluster=replace(world.cluster, nodes=groups))


def with_idle_nodes(world: Instance, count: int) -> Instance:
    """Nodes of a type that no layer was measured on, at the first switch."""
    cluster = world.cluster
    idle = replace(cluster.nodes[0], name="idle", count=count, device="unknown")
    types = {**cluster.device_types, "unknown": next(iter(cluster.device_types.values()))}
    link = Link(source="idle", target=cluster.switches[0], bandwidth_GBps=100)
    return replace(
        world,
        cluster=replace(cluster, device_types=types, nodes=(*cluster.nodes, idle), links=(*cluster.links, link)),
    )
