"""The best plan of every choice in the searched spaces, by enumeration and the judge alone."""

from collections.abc import Iterable, Iterator

from milp_amp.bounds.prepass import Prepass
from milp_amp.judge.evaluate import closed_form
from milp_amp.plan.choice import Choice, choice_of
from milp_amp.plan.strategy import Stage, Strategy
from milp_amp.problem.instance import Instance
from tests.agreement.brute_force import interval_plans
from tests.placements.homes import Documented
from tests.placements.plans import Home, State


def of_intervals(prepass: Prepass) -> Iterator[Strategy]:
    """Yield every plan of the space that interval formulations claim."""
    return interval_plans(prepass.instance, prepass.costs)


def of_places(prepass: Prepass) -> Iterator[Strategy]:
    """Yield every plan of the space that placement formulations claim."""
    instance, batch = prepass.instance, prepass.instance.workload.global_batch_size
    homes = Documented(instance, prepass.costs)
    for d in range(1, min(batch, instance.cluster.num_devices) + 1):
        for seats, ends in _seated(homes, d, homes.start, instance.model.num_layers):
            for b in (b for b in range(1, batch + 1) if batch % (d * b) == 0):
                yield _plan(instance, d, b, seats, ends)


def _seated(homes: Documented, d: int, state: State, layers: int) -> Iterator[tuple[tuple[Home, ...], tuple[int, ...]]]:
    """Yield homes and last layers of all stages, in every way."""
    if layers == 0:
        yield (), ()
        return
    for home, left in homes(d, state):
        for held in range(1, layers + 1):
            for rest, ends in _seated(homes, d, left, layers - held):
                yield (home, *rest), (layers - held, *ends)


def _plan(instance: Instance, d: int, b: int, seats: tuple[Home, ...], left: tuple[int, ...]) -> Strategy:
    free, layers = [0] * len(instance.cluster.hosts), instance.model.num_layers
    stages, start = [], 0
    for home, rest in zip(seats, left, strict=True):
        groups = []
        for node in home.seats:
            first = free[node]
            free[node] += home.tensor_parallel
            groups.append(tuple(instance.cluster.hosts[node].device(n) for n in range(first, free[node])))
        stages.append(
            Stage(layers=(start, layers - rest), tensor_parallel=home.tensor_parallel, replicas=tuple(groups))
        )
        start = layers - rest
    return Strategy(microbatch_size=b, data_parallel=d, schedule=instance.workload.schedule, stages=tuple(stages))


def best_of_each(prepass: Prepass, plans: Iterable[Strategy]) -> dict[Choice, float]:
    """Return the value of the best plan of every choice."""
    best: dict[Choice, float] = {}
    for plan in plans:
        value, broken = closed_form(prepass.instance, plan, prepass.costs)
        choice = choice_of(prepass.instance.cluster, plan)
        if value is not None and not broken and value < best.get(choice, float("inf")):
            best[choice] = value
    return best
