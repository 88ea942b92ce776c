"""Every method on every question of the library: seconds to the first plan, to 1 % of the best known, to the proof.

python -m benchmarks.wall_clock DIR [--time-limit 30] [--jobs 1] [--formulations A,B] [--write]

Runs what the folder does not have yet, each run a process of its own on one thread, and may be interrupted at any
moment. ``--write`` puts the tables into ``benchmarks/RESULTS.md``; without it they go to standard output.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from milp_amp.bench.best_known import FLOW, TABLE, BestKnown
from milp_amp.bench.environment import ENVIRONMENT, Attempt
from milp_amp.bench.frame import trace_of
from milp_amp.bench.harness import run_jobs
from milp_amp.bench.journal import Entry
from milp_amp.bench.measures import SHIFT_S, reached, shifted_geometric_mean
from milp_amp.bench.outcomes import CRASHED, DOES_NOT_FIT, KILLED
from milp_amp.bench.rows import read_rows
from milp_amp.bench.suite import find_instances
from milp_amp.bench.summary import to_markdown
from milp_amp.bench.task import Job, Settings
from milp_amp.bench.tasks import all_jobs
from milp_amp.errors import InputError
from milp_amp.problem.files import read_json, write_atomically

ROOT = Path(__file__).parents[1]
LIBRARY = ROOT / "instances"
TRAINING = (
    "amp_dp",
    "amp_dp_exact",
    "interval_dp",
    "interval_cpsat",
    "interval_milp",
    "placement_search",
    "placement_milp",
    "placement_cpsat",
    "gradient",
    "auto",
)
SERVING = ("serving_petals", "serving_swarm", "serving_separate", "serving_helix", "serving_flow", "serving_stages")
NEAR = 0.01
MEMORY_LIMIT_GIB = 10.0


class Milestones(msgspec.Struct, frozen=True):
    """Seconds from the beginning of a run; ``None`` for what it did not come to."""

    first: float | None
    near: float | None
    proved: float | None
    ended: str


def questions(rows: Sequence[BestKnown], formulations: Sequence[str]) -> Iterator[tuple[BestKnown, list[Job]]]:
    """Yield every question of the library with its runs."""
    for row in rows:
        instances = find_instances([str(LIBRARY / row.instance)])
        serving = row.cost_model == FLOW
        fitting = [name for name in formulations if name == "auto" or (name in SERVING) == serving]
        yield row, list(all_jobs(instances, fitting, () if serving else (row.cost_model,), (0,)))


def milestones(entry: Entry, best: float) -> Milestones:
    """Return when a run had a plan, one within 1 % of the best known, and its proof.

    A proof is one in the space that the formulation searches, whose best plan may be another than the best known.
    """
    trace = trace_of(entry)
    plans = [point.time_s for point in trace if point.objective is not None]
    answer = entry.answer
    proved = answer.runtime_s if answer is not None and entry.happened in ("optimal", "infeasible") else None
    sought = abs(best)
    near = reached(trace, sought, NEAR)
    return Milestones(first=min(plans, default=None), near=near, proved=proved, ended=entry.happened)


def overview(found: Mapping[str, Sequence[Milestones]], limit: float) -> str:
    """Return a row per formulation: how many questions it came to what with, and the mean time of that."""
    head = ("formulation", "questions", "a plan", "s", f"within {NEAR:.0%}", "s", "proved in its space", "s")
    cells = []
    for name, runs in found.items():
        counted: list[str] = []
        for what in ("first", "near", "proved"):
            times = [getattr(run, what) for run in runs]
            mean = shifted_geometric_mean([limit if time is None else time for time in times])
            counted += [str(sum(time is not None for time in times)), f"{mean:.3g}"]
        cells.append((name, str(len(runs)), *counted))
    return to_markdown(head, cells)


def matrix(rows: Sequence[tuple[BestKnown, Mapping[str, Milestones]]], formulations: Sequence[str]) -> str:
    """Return a row per question: the three times of every formulation."""
    head = ("instance", "cost model", "best known", *formulations)
    cells = [
        (
            row.instance.removesuffix(".json"),
            row.cost_model,
            f"{row.value:.6g}{'' if row.status == 'optimal' else '*'}",
            *(_cell(found.get(name)) for name in formulations),
        )
        for row, found in rows
    ]
    return to_markdown(head, cells)


def _cell(run: Milestones | None) -> str:
    if run is None:
        return ""
    if run.ended in (CRASHED, KILLED, "memory"):
        return run.ended
    if run.first is None and run.proved is None:
        return "refused" if run.ended == "bad input" else "–"
    return " · ".join("–" if time is None else f"{time:.2g}" for time in (run.first, run.near, run.proved))


def report(rows: Sequence[tuple[BestKnown, Mapping[str, Milestones]]], settings: Settings, folder: Path) -> str:
    """Return the page."""
    limit = settings.time_limit or 0.0
    parts = [_preface(settings, folder)]
    for title, serving in (("Training", False), ("Serving: the largest flow of tokens", True)):
        own = [(row, found) for row, found in rows if (row.cost_model == FLOW) == serving]
        names = list(dict.fromkeys(name for _, found in own for name in found))
        runs = {name: [found[name] for _, found in own if _asked(found, name)] for name in names}
        parts += [f"## {title}\n", overview(runs, limit), matrix(own, names)]
    return "\n".join(parts)


def _asked(found: Mapping[str, Milestones], name: str) -> bool:
    """Whether a formulation takes the question at all."""
    return name in found and found[name].ended not in (DOES_NOT_FIT, "bad input")


def _preface(settings: Settings, folder: Path) -> str:
    attempts = read_json(folder / ENVIRONMENT, tuple[Attempt, ...], InputError)
    last, limit = attempts[-1], f"{settings.time_limit:g}"
    commit = ", ".join(dict.fromkeys((each.commit or "unknown")[:12] for each in attempts))
    versions = ", ".join(f"{name} {version}" for name, version in last.versions.items())
    return (
        "# How long every method takes\n\n"
        f"Written by `python -m benchmarks.wall_clock DIR --time-limit {limit} --write`: one run per cell, seed 0, one "
        f"thread, at most {settings.memory_limit_GiB:g} GiB, each a process of its own, on {last.cores} cores of "
        f"{last.processor or last.system} with other work; commit {commit}; Python {last.python}, {versions}.\n\n"
        "Seconds from the beginning of a run, the pre-pass included and the start of the process not: to the **first "
        f"plan**, to a plan within **{NEAR:.0%}** of the best known, to the **proof**, which is one in the space that "
        f"the formulation searches ([which is which](../formulations/README.md)). `–` is what {limit} s did not "
        "suffice for, `refused` a question that a formulation does not take. Mean times are shifted geometric ones "
        f"({SHIFT_S:g} s) over the questions it takes, with the time limit where it did not come to it. A best known "
        "value with `*` is not proved.\n"
    )


def main() -> None:
    """Run what is missing, and write or show the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--time-limit", type=float, default=30.0, metavar="S")
    parser.add_argument("--jobs", type=int, default=1, metavar="N")
    parser.add_argument("--formulations", default=",".join((*TRAINING, *SERVING)), metavar="A,B")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    rows = read_rows(LIBRARY / TABLE, BestKnown)
    asked = list(questions(rows, options.formulations.split(",")))
    settings = Settings(time_limit=options.time_limit, memory_limit_GiB=MEMORY_LIMIT_GIB, threads=1)
    jobs = [job for _, own in asked for job in own]
    entries = run_jobs(jobs, settings, options.folder, side_by_side=options.jobs, invocation=sys.argv, progress=_inform)
    by_task = {entry.task: entry for entry in entries}
    found = [(row, {j.task.formulation: milestones(by_task[j.task], row.value) for j in own}) for row, own in asked]
    page = report(found, settings, options.folder)
    if options.write:
        write_atomically(Path(__file__).with_name("RESULTS.md"), page.encode())
    else:
        print(page)


def _inform(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
