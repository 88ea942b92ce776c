"""Remedies that machines are: more memory, and more nodes."""

import math
from collections.abc import Iterator

import msgspec

from milp_amp.plan.strategy import Strategy
from milp_amp.problem.cluster import NodeGroup
from milp_amp.problem.instance import Instance
from milp_amp.solving.explaining.answers import Answer
from milp_amp.solving.explaining.members import AMPLE_GIB, MEMORY, Member, posed, with_memory
from milp_amp.solving.explaining.remedies import Remedy, Repair, least

STEP_GIB = 0.1
"""Memory is asked for in steps of this size."""

MOST_NODES = 16
"""More nodes of a group are not tried."""

replace = msgspec.structs.replace


def more_memory(repair: Repair) -> Iterator[Remedy]:
    """Yield the least memory that helps, to 0.1 GiB: on every device, and on those of one type alone."""
    memory = Member(MEMORY)
    if memory not in repair.without:
        return
    types = sorted({group.device for group in repair.asker.instance.cluster.nodes})
    yield from on_every_device(repair, repair.without[memory])
    for name in types if len(types) > 1 else ():
        question = posed(with_memory(repair.asker.instance, AMPLE_GIB, (name,)), repair.members)
        plan = repair.ask(question, f"ample memory on every {name}").plan
        if plan is not None:
            yield from _on(repair, (name,), f"every {name}", plan)


def on_every_device(repair: Repair, plan: Strategy) -> Iterator[Remedy]:
    """Yield the least memory that helps on every device, given a plan for ample memory."""
    yield from _on(repair, tuple(repair.asker.instance.cluster.device_types), "every device", plan)


def _on(repair: Repair, types: tuple[str, ...], where: str, plan: Strategy) -> Iterator[Remedy]:
    """Yield the least more that helps on devices of these types, given a plan for ample memory on them."""

    def question(steps: int) -> Instance:
        return posed(_more(repair.asker.instance, types, steps), repair.members)

    def works(steps: int) -> Answer:
        return repair.ask(question(steps), f"{steps * STEP_GIB:.1f} GiB more on {where}")

    stages = repair.judged(posed(repair.asker.instance, repair.members), plan).memory
    lacking = max(-stage.headroom_GiB for stage in stages)
    enough = max(1, math.ceil(lacking / STEP_GIB))
    if works(enough).plan is None:
        return
    steps, proved = least(0, enough, works)
    below = f"{(steps - 1) * STEP_GIB:.1f} GiB" if proved and steps > 1 else None
    yield from repair.confirmed("memory", f"{steps * STEP_GIB:.1f} GiB more on {where}", question(steps), below)


def _more(instance: Instance, types: tuple[str, ...], steps: int) -> Instance:
    for name in types:
        has = instance.cluster.device_types[name].memory_GiB
        instance = with_memory(instance, has + steps * STEP_GIB, (name,))
    return instance


def more_nodes(repair: Repair) -> Iterator[Remedy]:
    """Yield for every group of nodes the least number of further ones that helps, if ``MOST_NODES`` do."""
    whole = posed(repair.asker.instance, repair.members).restrictions
    if whole.contradiction is not None:
        return  # what numbers alone exclude, no machine can mend
    for group in repair.asker.instance.cluster.nodes:
        if group.name not in whole.idle_nodes and _is_small_enough(repair.asker.instance, group):
            yield from _of_group(repair, group)


def _is_small_enough(instance: Instance, group: NodeGroup) -> bool:
    """Whether so many more nodes still make a cluster that can be read."""
    try:
        with_nodes(instance, {group.name: MOST_NODES})
    except ValueError:
        return False
    return True


def _of_group(repair: Repair, group: NodeGroup) -> Iterator[Remedy]:
    def question(count: int) -> Instance:
        return posed(with_nodes(repair.asker.instance, {group.name: count}), repair.members)

    def works(count: int) -> Answer:
        return repair.ask(question(count), _spelled(count, group.name))

    first = works(1)
    if not first.decided or (first.plan is None and works(MOST_NODES).plan is None):
        return
    count, proved = (1, False) if first.plan is not None else least(1, MOST_NODES, works)
    too_little = _spelled(count - 1, group.name) if proved else None
    yield from repair.confirmed("nodes", _spelled(count, group.name), question(count), too_little)


def _spelled(count: int, name: str) -> str:
    return f"{count} more node{'s' if count != 1 else ''} of group {name}"


def with_nodes(instance: Instance, more: dict[str, int]) -> Instance:
    """Return the instance with more nodes of some groups."""
    cluster = instance.cluster
    nodes = tuple(replace(group, count=group.count + more.get(group.name, 0)) for group in cluster.nodes)
    return replace(instance, cluster=replace(cluster, nodes=nodes))
