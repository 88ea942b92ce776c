"""What must hold between the formulations, the bounds and brute force, as sentences where it does not."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

from milp_amp import formulation
from milp_amp.bounds.prepass import Prepass, prepare, refined
from milp_amp.engine.limits import Limits
from milp_amp.errors import Discrepancy, FormulationError
from milp_amp.judge.check import check
from milp_amp.plan.result import Result, Status
from milp_amp.problem.instance import Instance
from tests.agreement.brute_force import Optimum, brute_force, classes_of, rank_order, whole_space
from tests.agreement.pricing import Degrees

EXACT = ("interval_dp", "interval_milp", "interval_cpsat")
"""Formulations that claim the optimum of the same space."""

TOLERANCE = 1e-6
"""Relative difference between two claims of the same optimum."""

ROUNDING = 1e-9
"""Relative difference by which a bound may lie above an optimum."""


class Truth(NamedTuple):
    """What enumeration says about an instance under a cost model."""

    prepass: Prepass
    claimed: Optimum | None
    everywhere: dict[Degrees, Optimum]


def truth(instance: Instance, cost_model: str) -> Truth:
    """Enumerate both spaces of an instance."""
    prepass = prepare(instance, cost_model)
    return Truth(prepass, brute_force(instance, prepass.costs), whole_space(instance, prepass.costs))


def run(name: str, prepass: Prepass, **limits: Any) -> Result:
    """Run a formulation on one thread and let the judge check it."""
    result = formulation.load(name)(prepass.instance, prepass, Limits(threads=1, **limits))
    return check(prepass.instance, result, prepass.costs)


def difference(name: str, known: Truth, **limits: Any) -> float:
    """Return by how much a formulation's optimum differs from brute force's, relatively.

    Raises
    ------
    AssertionError
        If it is not proved, or differs by more than ``TOLERANCE``.
    """
    result = claim(name, known, **limits)
    if known.claimed is None:
        assert result.status is Status.INFEASIBLE, f"{name}: {result.status.value}, but no plan fits"
        return 0.0
    best = known.claimed.value
    assert result.objective is not None, f"{name}: {result.status.value}, but {best:.12g} s is possible"
    away = abs(result.objective - best) / best
    assert away <= TOLERANCE, f"{name}: {result.objective:.12g} s, brute force {best:.12g} s"
    assert result.status is Status.OPTIMAL, f"{name}: {result.status.value} with gap {result.gap}"
    assert result.gap is not None
    assert result.gap <= TOLERANCE, f"{name}: gap {result.gap:.3g}"
    return away


def claim(name: str, known: Truth, **limits: Any) -> Result:
    """Return a formulation's result once everything it claims on the way, finished or not, is seen to be true.

    Raises
    ------
    AssertionError
        If the judge disagrees, or a bound lies above the optimum at any moment.
    """
    try:
        result = run(name, known.prepass, **limits)
    except (Discrepancy, ValueError) as failure:
        raise AssertionError(f"{name}: {failure}") from failure
    start = limits.get("start")
    best = min((plan.value for plan in (known.claimed, start) if plan), default=float("inf"))
    for said in [point.bound for point in result.trace] + [result.bound]:
        assert said is None or said <= best * (1 + ROUNDING), f"{name}: bound {said:.12g} s above {best:.12g} s"
    assert result.status is not Status.INFEASIBLE or best == float("inf"), f"{name}: infeasible, but {best:.12g} s"
    assert result.objective is None or result.objective >= best * (1 - ROUNDING), f"{name}: {result.objective:.12g} s"
    return result


def baseline_difference(prepass: Prepass) -> float:
    """Return by how much ``amp_dp_exact`` differs from enumeration of its own space, relatively.

    Raises
    ------
    AssertionError
        If it is not proved, or differs by more than ``TOLERANCE``.
    """
    if len({group.devices for group in prepass.instance.cluster.nodes}) > 1:
        return 0.0  # there is no rank order of unequal nodes
    if prepass.instance.restrictions.idle_nodes:
        return 0.0  # nor one of some nodes
    known = Truth(prepass, rank_order(prepass.instance, prepass.costs), {})
    if known.claimed is None and not prepass.instance.restrictions.free:
        status = claim("amp_dp_exact", known).status
        assert status is Status.UNKNOWN, f"amp_dp_exact: {status.value}, but a plan outside of its space may do"
        return 0.0
    return difference("amp_dp_exact", known)


def bounds(known: Truth) -> Iterator[tuple[float, float, str]]:
    """Yield every claimed bound with the optimum it must not exceed, and a name."""
    candidates = {
        Degrees(each.degrees.tensor_parallel, each.degrees.data_parallel, each.degrees.microbatch_size): each
        for each in known.prepass.candidates
    }
    best = min((optimum.value for optimum in known.everywhere.values()), default=float("inf"))
    yield known.prepass.lower_bound, best, "prepass"
    yield min((c.lower_bound for c in refined(known.prepass)), default=float("inf")), best, "refined prepass"
    for degrees, optimum in known.everywhere.items():
        if degrees not in candidates:
            yield float("inf"), optimum.value, f"missing candidate {degrees}"
            continue
        for bound in known.prepass.refine(candidates[degrees]).bounds:
            yield bound.value, optimum.value, f"{bound.name} at {degrees}"


def violations(known: Truth) -> list[str]:
    """Return a sentence for every bound above the optimum it claims to bound."""
    return [
        f"{name}: bound {value:.12g} s above {best:.12g} s"
        for value, best, name in bounds(known)
        if value > best * (1 + ROUNDING)
    ]


def baselines(known: Truth) -> tuple[float, float] | None:
    """Return the seconds of ``amp_dp_exact`` and ``amp_dp``; ``None`` where one does not apply or has no plan.

    The published rank order lies in the claimed space only where the nodes of a class stand together in the
    file: elsewhere a mixed stage has its replicas in another order, which rings and transfers can tell.
    """
    prepass = known.prepass
    classes = classes_of(prepass.instance, prepass.costs)
    if [host for members in classes for host in members] != list(prepass.instance.cluster.hosts):
        return None
    try:
        exact, published = (run(name, prepass, gap=0.0).objective for name in ("amp_dp_exact", "amp_dp"))
    except FormulationError:
        return None
    return None if exact is None or published is None else (exact, published)


def ranking(known: Truth) -> str | None:
    """Return a sentence unless bound <= whole space <= claimed space <= exact baseline <= published baseline."""
    everywhere = min((optimum.value for optimum in known.everywhere.values()), default=float("inf"))
    claimed = float("inf") if known.claimed is None else known.claimed.value
    chain = (known.prepass.lower_bound, everywhere, claimed, *(baselines(known) or ()))
    rising = all(a <= b * (1 + ROUNDING) for a, b in pairwise(chain))
    return None if rising else f"bound, optima and baselines do not rise: {chain}"
