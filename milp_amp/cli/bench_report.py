"""What a benchmark found: tables, pictures, and what changed since an earlier one."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from milp_amp.bench.frame import frame
from milp_amp.bench.harness import told
from milp_amp.bench.journal import SETTINGS, Entry, read_entries, spelled
from milp_amp.bench.profiles import distances_over_time, gaps_over_time, plan_profile, proof_profile
from milp_amp.bench.regression import compare
from milp_amp.bench.summary import spelled as spelled_summary
from milp_amp.bench.summary import summarise, to_markdown
from milp_amp.bench.task import Settings, Task
from milp_amp.cli.output import emit, inform
from milp_amp.errors import InputError
from milp_amp.problem.files import read_json, write_atomically
from milp_amp.view.canvas import require_matplotlib
from milp_amp.view.steps import Panel, draw_steps
from milp_amp.view.table import table

if TYPE_CHECKING:
    from pandas import DataFrame

_OF_RUNS = "part of the runs"


def report(folder: Path, entries: Sequence[Entry], settings: Settings) -> None:
    """Write ``table.md``, ``table.csv``, ``runs.csv`` and the pictures, and show the table."""
    rows = frame(entries, settings.time_limit)
    summary = summarise(rows)
    head, cells = spelled_summary(summary)
    others = [f"{entry.task}: {told(entry)}" for entry in entries if entry.answer is None]
    write_atomically(folder / "table.csv", summary.to_csv(index=False).encode())
    write_atomically(folder / "runs.csv", rows.drop(columns=["entry", "score", "applies"]).to_csv(index=False).encode())
    text = to_markdown(head, cells) + "".join(f"\n* {line}" for line in others) + ("\n" if others else "")
    write_atomically(folder / "table.md", text.encode())
    emit(table(head, cells, right=range(1, len(head))))
    if others:
        emit("\n" + "".join(f"{line}\n" for line in others))
    _draw(folder, rows, entries)


def _draw(folder: Path, rows: "DataFrame", entries: Sequence[Entry]) -> None:
    try:
        require_matplotlib()
    except InputError as failure:
        inform(f"no pictures: {failure}")
        return
    times = "times as long as the fastest"
    profile = [
        Panel(title="answers proved, each in its space", across=times, up=_OF_RUNS, curves=proof_profile(rows)),
        Panel(title="best known plans found", across=times, up=_OF_RUNS, curves=plan_profile(rows, entries)),
    ]
    gaps = [
        Panel(title="distance to the best known", across="s", up="mean", curves=distances_over_time(rows, entries)),
        Panel(title="gap of plan and bound", across="s", up="mean", curves=gaps_over_time(rows, entries)),
    ]
    for name, panels in (("profile.svg", profile), ("gaps.svg", gaps)):
        write_atomically(folder / name, draw_steps(panels, "svg"))


def earlier_benchmark(folder: Path) -> tuple[Settings, Mapping[Task, Entry]]:
    """Read a benchmark to compare with, before any run is begun for it."""
    return read_json(folder / SETTINGS, Settings, InputError), read_entries(folder)


def compare_with(
    folder: Path, earlier: tuple[Settings, Mapping[Task, Entry]], entries: Sequence[Entry], settings: Settings
) -> None:
    """Show what changed since an earlier benchmark, as far as the noise of its times and of these allows."""
    before, theirs = earlier
    found = compare(entries, theirs)
    lines = [f"compared with {folder}:"]
    if before != settings:
        lines.append(f"! its runs had {spelled(before)}, these have {spelled(settings)}")
    if {entry.machine for entry in theirs.values()} != {entry.machine for entry in entries}:
        lines.append("! its runs were on other machines: times are not comparable")
    if found.alone:
        lines.append(f"{found.alone} of {len(entries)} runs are not in it, or their instances have changed")
    width = max((len(pace.formulation) for pace in found.paces), default=0)
    lines += [f"{pace.formulation:{width}}  {pace.verdict}" for pace in found.paces]
    lines += [f"worse: {line}" for line in found.worse] or ["no value and no bound got worse"]
    emit("\n" + "".join(f"{line}\n" for line in lines))
