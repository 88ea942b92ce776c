"""Plans near an old one: questions that keep stages of it, and plans that are a step nearer to it."""

import itertools
from collections.abc import Collection, Iterator, Sequence

from msgspec.structs import replace as amended

from milp_amp.plan.strategy import Stage, Strategy
from milp_amp.problem.instance import Instance
from milp_amp.problem.restrictions import FixedStage, PartialPlan, Range, Restrictions


def completions(instance: Instance, old: Strategy, there: Collection[str]) -> Iterator[Instance]:
    """Yield the question with stages of an old plan fixed where they are: all that are there, then fewer and fewer.

    Parameters
    ----------
    there
        Devices that can still be used.
    """
    whole = [stage for stage in old.stages if all(device in there for group in stage.replicas for device in group)]
    for count in range(len(whole), 0, -1):
        for stages in itertools.combinations(whole, count):
            yield _with_fixed(instance, old, stages)


def _with_fixed(instance: Instance, old: Strategy, stages: Sequence[Stage]) -> Instance:
    """Return the question for plans that have some stages of the old one, with as many replicas."""
    hosts = instance.cluster.host_of_device
    nodes = [sorted({hosts[device].name for group in stage.replicas for device in group}) for stage in stages]
    fixed = tuple(
        FixedStage(layers=stage.layers, nodes=tuple(names)) for stage, names in zip(stages, nodes, strict=True)
    )
    same = Restrictions(data_parallel=Range(exactly=old.data_parallel), plan=PartialPlan(stages=fixed))
    return amended(instance, restrictions=instance.restrictions.merged(same))


def neighbours(plan: Strategy, old: Strategy) -> Iterator[Strategy]:
    """Yield plans that differ in one boundary, or in which a stage has taken the place of one of either plan."""
    stages = plan.stages
    for s, (before, after) in enumerate(itertools.pairwise(stages)):
        wanted = {before.stop - 1, before.stop + 1, *(stage.stop for stage in old.stages)}
        for cut in sorted(cut for cut in wanted if before.start < cut < after.stop and cut != before.stop):
            moved = amended(before, layers=(before.start, cut)), amended(after, layers=(cut, after.stop))
            yield amended(plan, stages=(*stages[:s], *moved, *stages[s + 2 :]))
    for stage, other in itertools.product(stages, (*stages, *old.stages)):
        if stage.tensor_parallel == other.tensor_parallel and stage.replicas != other.replicas:
            yield _exchanged(plan, stage, other)


def _exchanged(plan: Strategy, stage: Stage, other: Stage) -> Strategy:
    """Return a plan in which the devices of two stages have changed places, whoever uses them."""
    names: dict[str, str] = {}
    for here, there in zip(itertools.chain(*stage.replicas), itertools.chain(*other.replicas), strict=False):
        if here not in names and there not in names:
            names[here], names[there] = there, here
    stages = (
        amended(each, replicas=tuple(tuple(names.get(device, device) for device in group) for group in each.replicas))
        for each in plan.stages
    )
    return amended(plan, stages=tuple(stages))
