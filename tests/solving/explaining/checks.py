"""What must hold of an explanation, by enumeration and by solving again, as sentences where it does not."""

from collections.abc import Iterator

from msgspec.structs import replace

from milp_amp.bounds.prepass import prepare
from milp_amp.cost.model import CostModel
from milp_amp.judge.evaluate import closed_form
from milp_amp.plan.strategy import Stage, Strategy
from milp_amp.problem.instance import Instance
from milp_amp.problem.objective import Objective
from milp_amp.solving.explaining.asking import Asker
from milp_amp.solving.explaining.conflict import others
from milp_amp.solving.explaining.infeasible import Infeasibility
from milp_amp.solving.explaining.members import posed
from tests.agreement.brute_force import brute_force
from tests.placements.homes import Anywhere, Documented
from tests.placements.plans import Chooser, Home, State

ROUNDING = 1e-9


def mistakes(instance: Instance, told: Infeasibility) -> Iterator[str]:
    """Yield what is wrong about an explanation of why there is no plan."""
    if told.conflict is None:
        yield "no conflict"
        return
    members = told.conflict.members
    if has_plan(posed(instance, members), everywhere=False):
        yield "enumeration finds a plan that keeps the whole conflict"
    for member in members:
        if not has_plan(posed(instance, others(members, member)), everywhere=True):
            yield f"enumeration finds no plan without {member.text}"
    if told.undecided:
        yield f"not decided: {told.undecided}"
    yield from _remedies(instance, told)


def _remedies(instance: Instance, told: Infeasibility) -> Iterator[str]:
    for remedy in told.remedies:
        again = Asker(remedy.question, threads=1).any_plan(remedy.question, "again")
        if again.plan is None:
            yield f"{remedy.text}: no plan when solved again"
        value, broken = closed_form(remedy.question, remedy.plan, prepare(remedy.question).costs)
        if value is None or broken:
            yield f"{remedy.text}: its plan breaks {broken}"
    if not told.remedies and has_plan(posed(instance, ()), everywhere=True):
        yield "no remedy, though without restrictions there is a plan"


def has_plan(question: Instance, everywhere: bool) -> bool:
    """Whether enumeration finds a plan.

    Uniform degrees are enumerated as in ``tests.agreement``. So are other tensor degrees for every stage: on all
    placements if ``everywhere``, or else on those that the search promises to know: none, where restrictions ask for
    the number or the order of stages.
    """
    least_time = replace(question, objective=Objective())
    costs = prepare(least_time).costs
    best = brute_force(least_time, costs)
    floor = question.objective.least_steps_per_second or 0.0
    if best is not None and best.value * floor <= 1 + ROUNDING:
        return True
    if everywhere:
        return _any(question, costs, Anywhere(question, costs))
    return not _ordered(question) and _any(question, costs, Documented(question, costs))


def _ordered(question: Instance) -> bool:
    asked = question.restrictions
    return bool(asked.even_layers or asked.layer_pins or asked.node_pins or not asked.pipeline_parallel.free)


def _any(question: Instance, costs: CostModel, choose: Chooser) -> bool:
    batch = question.workload.global_batch_size
    return any(
        not closed_form(question, strategy, costs)[1]
        for d in range(1, min(batch, question.cluster.num_devices) + 1)
        for b in range(1, batch // d + 1)
        if batch % (d * b) == 0
        for strategy in _strategies(question, d, b, choose)
    )


def _strategies(question: Instance, d: int, b: int, choose: Chooser) -> Iterator[Strategy]:
    layers, hosts = question.model.num_layers, question.cluster.hosts

    def extend(done: tuple[Stage, ...], taken: dict[int, int], state: State) -> Iterator[tuple[Stage, ...]]:
        first = done[-1].stop if done else 0
        if first == layers:
            yield done
            return
        for home, left in choose(d, state):
            groups, now = seated(home, taken)
            for stop in range(first + 1, layers + 1):
                stage = Stage(layers=(first, stop), tensor_parallel=home.tensor_parallel, replicas=groups)
                yield from extend((*done, stage), now, left)

    def seated(home: Home, taken: dict[int, int]) -> tuple[tuple[tuple[str, ...], ...], dict[int, int]]:
        now, groups = dict(taken), []
        for node in home.seats:
            groups.append(tuple(hosts[node].device(now.get(node, 0) + k) for k in range(home.tensor_parallel)))
            now[node] = now.get(node, 0) + home.tensor_parallel
        return tuple(groups), now

    for stages in extend((), {}, choose.start):  # type: ignore[attr-defined]  # both choosers have one
        yield Strategy(microbatch_size=b, data_parallel=d, schedule=question.workload.schedule, stages=stages)
