"""What to buy: seconds per step that one more node, or a link twice as fast, is worth.

Every change is searched again, from the old plan, which is still one. Where a search is not finished, gain is a range:
the old optimum lies between its bound and its plan, and so does the new one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import msgspec

from milp_amp.cost.model import PER_BYTE_COST_MODELS
from milp_amp.plan.result import Result
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.cluster import Cluster, NodeGroup
from milp_amp.problem.curves import Curve
from milp_amp.problem.instance import Instance
from milp_amp.solving.explaining.asking import Asker
from milp_amp.solving.explaining.given import plan_of
from milp_amp.solving.explaining.machines import with_nodes

replace = msgspec.structs.replace


@dataclass(frozen=True, kw_only=True)
class Change:
    """Something that can be bought.

    Attributes
    ----------
    devices
        How many more there are then.
    """

    kind: Literal["nodes", "link", "inside", "card", "curve"]
    text: str
    question: Instance
    devices: int = 0


@dataclass(frozen=True, kw_only=True)
class Gain:
    """What a change is worth, in the unit of the instance's objective per step.

    Attributes
    ----------
    result
        The best plan after the change; ``None`` where there was no search.
    gain
        How much better it is than the old one.
    at_least, at_most
        What is proved of the two optima's difference; ``None`` where there is no bound.
    note
        Why there is no result.
    """

    change: Change
    result: Result | None = None
    gain: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    note: str = ""

    @property
    def per_device(self) -> float | None:
        """Gain per device that is bought."""
        return None if self.gain is None or not self.change.devices else self.gain / self.change.devices


@dataclass(frozen=True, kw_only=True)
class Purchase:
    """The old plan, and all changes with the most worthwhile first."""

    result: Result
    gains: tuple[Gain, ...] = ()


def explain_purchase(asker: Asker, plan: Result | Strategy | None = None) -> Purchase:
    """Return what every change is worth; without a plan, no change is tried.

    Parameters
    ----------
    plan
        The old plan; the best one is searched where there is none. The bound of a result is taken as it stands.

    Raises
    ------
    PlanError
        If the plan breaks a rule.
    """
    result = plan_of(asker, plan)
    if result.objective is None:
        return Purchase(result=result)
    changes = list(_changes(asker.instance, asker.cost_model))
    gains = [_gain(asker, result, change, 1 / (len(changes) - k)) for k, change in enumerate(changes)]
    return Purchase(result=result, gains=tuple(sorted(gains, key=_rank)))


def _gain(asker: Asker, old: Result, change: Change, share: float) -> Gain:
    new = asker.best_plan(change.question, change.text, share)
    if isinstance(new, str):
        return Gain(change=change, note=new)
    if old.objective is None or new.objective is None:
        return Gain(change=change, note=f"the search ended {new.status.value}")
    return Gain(
        change=change,
        result=new,
        gain=old.objective - new.objective,
        at_least=None if old.bound is None else old.bound - new.objective,
        at_most=None if new.bound is None else old.objective - new.bound,
    )


def _changes(instance: Instance, cost_model: str) -> Iterator[Change]:
    """Yield all that can be bought: nodes, and bandwidth as the cost model knows it."""
    yield from _nodes(instance)
    if cost_model in PER_BYTE_COST_MODELS:
        yield from _links(instance)
        yield from _inside(instance)
    else:
        yield from _curves(instance)


def _nodes(instance: Instance) -> Iterator[Change]:
    for group in instance.cluster.nodes:
        yield _more(instance, (group,), f"1 more node of group {group.name} ({_devices(group)})")
    for kind in instance.cluster.device_types:
        groups = tuple(group for group in instance.cluster.nodes if group.device == kind)
        if len(groups) > 1:
            yield _more(instance, groups, f"1 more node of every group of {kind}")


def _more(instance: Instance, groups: tuple[NodeGroup, ...], text: str) -> Change:
    question = with_nodes(instance, {group.name: 1 for group in groups})
    return Change(kind="nodes", text=text, question=question, devices=sum(group.devices for group in groups))


def _devices(group: NodeGroup) -> str:
    return f"{group.devices} × {group.device}"


def _links(instance: Instance) -> Iterator[Change]:
    cluster = instance.cluster
    for k, link in enumerate(cluster.links):
        twice = replace(link, bandwidth_GBps=2 * link.bandwidth_GBps)
        links = (*cluster.links[:k], twice, *cluster.links[k + 1 :])
        text = f"link {link.source}-{link.target} at {twice.bandwidth_GBps:g} GB/s"
        yield Change(kind="link", text=text, question=_with(instance, replace(cluster, links=links)))


def _inside(instance: Instance) -> Iterator[Change]:
    """Yield twice the bandwidth inside nodes, and of their network cards."""
    for group in instance.cluster.nodes:
        if group.devices > 1:
            twice = replace(group, bandwidth_GBps=2 * group.bandwidth_GBps)
            text = f"inside nodes of {group.name} {twice.bandwidth_GBps:g} GB/s"
            yield Change(kind="inside", text=text, question=_with_group(instance, twice))
        if group.nic_GBps is not None:
            twice = replace(group, nic_GBps=2 * group.nic_GBps)
            text = f"network cards of {group.name} at {twice.nic_GBps:g} GB/s"
            yield Change(kind="card", text=text, question=_with_group(instance, twice))


def _curves(instance: Instance) -> Iterator[Change]:
    """Yield twice the bandwidth between two kinds of ends, at every size of message and for any number of streams."""
    cluster = instance.cluster
    for ends in dict.fromkeys(map(_ends, cluster.curves)):
        curves = tuple(_twice(curve) if _ends(curve) == ends else curve for curve in cluster.curves)
        places = (f"{device} in {site}" if site else device for site, device in ends)
        text = f"twice the bandwidth from {' to '.join(places)}"
        yield Change(kind="curve", text=text, question=_with(instance, replace(cluster, curves=curves)))


def _ends(curve: Curve) -> tuple[tuple[str | None, str], tuple[str | None, str]]:
    return (curve.source_site, curve.source_device), (curve.target_site, curve.target_device)


def _twice(curve: Curve) -> Curve:
    return replace(curve, coefficients=tuple(2 * coefficient for coefficient in curve.coefficients))


def _with_group(instance: Instance, changed: NodeGroup) -> Instance:
    nodes = tuple(changed if group.name == changed.name else group for group in instance.cluster.nodes)
    return _with(instance, replace(instance.cluster, nodes=nodes))


def _with(instance: Instance, cluster: Cluster) -> Instance:
    return replace(instance, cluster=cluster)


def _rank(gain: Gain) -> float:
    return float("inf") if gain.gain is None else -gain.gain
