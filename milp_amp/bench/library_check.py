"""Is the library what it says: every file the one that is listed, every value attained, no bound bettered."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from milp_amp.bench.best_known import BestKnown, aim_of, attained, exceeds, plan_path, read_plan, status_of
from milp_amp.bench.library import INDEX, PLANS, Entry, entry, instance_files
from milp_amp.errors import Discrepancy
from milp_amp.judge.check import TOLERANCE
from milp_amp.plan.result import relative_gap
from milp_amp.problem.files import read_question


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A row of the table of best known answers, and a sentence for everything that is wrong with it."""

    row: BestKnown
    failures: tuple[str, ...]


def check_index(folder: Path, entries: Iterable[Entry]) -> Iterator[str]:
    """Yield a sentence for every instance that is not what the index says, or not there, or not in it.

    Raises
    ------
    InstanceError
        If an instance cannot be read.
    """
    there, listed = set(instance_files(folder)), Counter(each.path for each in entries)
    yield from (
        f"{path}: stands {times} times in {INDEX}, expected once" for path, times in listed.items() if times > 1
    )
    yield from (f"{path}: in {INDEX}, but not in {folder}" for path in listed if path not in there)
    yield from (f"{path}: in {folder}, but not in {INDEX}" for path in sorted(there - set(listed)))
    for each in entries:
        if each.path in there:
            yield from _differences(each, entry(folder, each.path))


def _differences(said: Entry, found: Entry) -> Iterator[str]:
    for field, value in msgspec.structs.asdict(found).items():
        if (listed := getattr(said, field)) != value:
            yield f"{said.path}: {field} = {listed!r} in {INDEX}, expected {value!r}"


def check_plans(folder: Path, table: Iterable[BestKnown]) -> Iterator[str]:
    """Yield a sentence for every plan that no row names, and for every question that is answered twice."""
    known = {row.plan for row in table}
    for file in sorted((folder / PLANS).rglob("*")):
        name = file.relative_to(folder).as_posix()
        if file.is_file() and name not in known:
            yield f"{name}: the plan of no row"
    for (instance, costs), times in Counter(row.key for row in table).items():
        if times > 1:
            yield f"{instance}, {costs}: stands {times} times, expected once"


def check_rows(folder: Path, table: Iterable[BestKnown]) -> Iterator[Checked]:
    """Judge one row after the other.

    Raises
    ------
    InputError
        If an instance or a plan cannot be read.
    """
    there = set(instance_files(folder))
    for row in table:
        failures = _failures(folder, row) if row.instance in there else ("no such instance",)
        yield Checked(row=row, failures=tuple(failures))


def _failures(folder: Path, row: BestKnown) -> Iterator[str]:
    instance = read_question(folder / row.instance)
    if row.objective != (aim := aim_of(instance)):
        yield f"objective = {row.objective!r}, expected {aim!r}"
    if row.plan != (expected := plan_path(row.instance, row.cost_model)):
        yield f"plan = {row.plan!r}, expected {expected!r}"
    elif not (folder / row.plan).is_file():
        yield f"plan = {row.plan!r}, but there is no such file"
    else:
        try:
            value = attained(instance, row.cost_model, read_plan(instance, folder / row.plan))
        except Discrepancy as failure:
            yield f"{row.plan}: {failure}"
        else:
            if not abs(value - row.value) <= TOLERANCE * abs(value):
                yield f"value = {row.value!r}, but the plan attains {value!r}"
    yield from _contradictions(row)


def _contradictions(row: BestKnown) -> Iterator[str]:
    """Yield what a row says against itself."""
    if (row.bound is None) != (row.bound_by is None):
        yield f"bound = {row.bound!r} contradicts bound_by = {row.bound_by!r}"
    if row.bound is not None and exceeds(row.objective, row.value, row.bound):
        yield f"bound = {row.bound!r}, but the value {row.value!r} is better"
    gap = None if row.bound is None else relative_gap(row.value, row.bound)
    if (gap is None) != (row.gap is None) or abs((gap or 0.0) - (row.gap or 0.0)) > TOLERANCE:
        yield f"gap = {row.gap!r}, expected {gap!r}"
    if row.status != (expected := status_of(row.value, row.bound)):
        yield f"status = {row.status!r}, expected {expected!r} for a gap of {gap!r}"
