"""Taking a result into the library: a better plan, a better bound, or neither."""

import datetime
from collections.abc import Iterable
from pathlib import Path

from msgspec.structs import replace

from milp_amp.bench.best_known import FLOW, TABLE, BestKnown, aim_of, attained, exceeds, plan_path, status_of
from milp_amp.bench.library import instance_files
from milp_amp.bench.rows import read_rows, to_csv
from milp_amp.cost.model import cost_model
from milp_amp.cost.network import measure
from milp_amp.errors import InputError, PlanError
from milp_amp.judge.check import check
from milp_amp.plan.placement import Placement, ServingResult
from milp_amp.plan.result import Result, relative_gap
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.files import read_json, read_question, to_json, write_atomically
from milp_amp.problem.instance import Instance
from milp_amp.problem.serving import ServingInstance
from milp_amp.solving.serving import check_flow


def update(folder: Path, instance: str, result: Path, today: datetime.date) -> BestKnown | None:
    """Judge a result and write what it improves; return the row it leads to, ``None`` where it improves nothing.

    The plan is written before the table: where a run ends between the two, the next one repairs it.

    Parameters
    ----------
    instance
        Path from the folder of the library.
    result
        A file that ``milp-amp solve --output`` wrote, or anything else that keeps to its schema.

    Raises
    ------
    InputError
        If a file cannot be read, the instance is none of the library's, or the result has no plan.
    Discrepancy
        If the judge does not confirm the result.
    """
    if instance not in instance_files(folder):
        raise InputError(f"{instance}: no instance of the library in {folder}, expected <family>/<name>.json")
    found, plan = _judged(folder, instance, result, today)
    table = read_rows(folder / TABLE, BestKnown) if (folder / TABLE).exists() else ()
    old = next((row for row in table if row.key == found.key), None)
    new = found if old is None else merged(old, found)
    if new is None:
        return None
    if old is None or new.value != old.value:
        (folder / new.plan).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / new.plan, to_json(plan, indent=0))
    rows = sorted((*(row for row in table if row.key != new.key), new), key=lambda row: row.key)
    write_atomically(folder / TABLE, to_csv(rows, BestKnown))
    return new


def merged(old: BestKnown, new: BestKnown) -> BestKnown | None:
    """Return the better plan under the tighter bound, ``None`` where both are the old ones.

    A bound holds for the space that was searched for it: where a plan is better, the bound is dropped.
    """
    best = new if exceeds(old.objective, new.value, old.value) else old
    bound, bound_by = tight = _tightest(best, (old, new))
    if best is old and tight == (old.bound, old.bound_by):
        return None
    return replace(
        best,
        bound=bound,
        bound_by=bound_by,
        gap=None if bound is None else relative_gap(best.value, bound),
        status=status_of(best.value, bound),
        version=new.version,
        date=new.date,
    )


def _tightest(best: BestKnown, rows: Iterable[BestKnown]) -> tuple[float | None, str | None]:
    """Return the tightest bound that the best value does not contradict, the first of equal ones, and its author."""
    tight: tuple[float | None, str | None] = (None, None)
    for row in rows:
        if row.bound is None or exceeds(row.objective, best.value, row.bound):
            continue
        if tight[0] is None or exceeds(row.objective, tight[0], row.bound):
            tight = row.bound, row.bound_by
    return tight


def _judged(folder: Path, path: str, file: Path, today: datetime.date) -> tuple[BestKnown, Strategy | Placement]:
    """Return the row that a result alone would lead to, and its plan."""
    instance = read_question(folder / path)
    if isinstance(instance, ServingInstance):
        served = check_flow(instance, read_json(file, ServingResult, PlanError))
        return _row(instance, path, served, FLOW, served.placement, today)
    trained = read_json(file, Result, PlanError)
    costs = cost_model(trained.cost_model, instance, measure(instance.cluster))
    checked = check(instance, trained, costs)
    return _row(instance, path, checked, costs.name, checked.strategy, today)


def _row(
    instance: Instance | ServingInstance,
    path: str,
    result: Result | ServingResult,
    costs: str,
    plan: Strategy | Placement | None,
    today: datetime.date,
) -> tuple[BestKnown, Strategy | Placement]:
    if plan is None:
        raise PlanError(f"a result with status {result.status.value!r} has no plan, expected one")
    value, bound = attained(instance, costs, plan), result.bound
    row = BestKnown(
        instance=path,
        cost_model=costs,
        objective=aim_of(instance),
        value=value,
        bound=bound,
        gap=None if bound is None else relative_gap(value, bound),
        status=status_of(value, bound),
        formulation=result.formulation,
        bound_by=None if bound is None else result.formulation,
        version=result.versions.get("milp-amp"),
        date=today,
        plan=plan_path(path, costs),
    )
    return row, plan
