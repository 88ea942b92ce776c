"""The library of instances as a benchmark: what there is, what is known, whether it is true, and what is better."""

import argparse
import datetime
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from milp_amp.cli import exit_codes
from milp_amp.cli.output import complain, emit, inform
from milp_amp.cli.parser import add_format
from milp_amp.errors import InputError
from milp_amp.problem.files import to_json, write_atomically
from milp_amp.view.table import table
from milp_amp.view.units_text import percent

if TYPE_CHECKING:
    from milp_amp.bench.best_known import BestKnown
    from milp_amp.bench.library import Entry
    from milp_amp.bench.library_check import Checked

_INSTANCE_HEAD = ("instance", "question", "structure", "devices", "types", "nodes", "layers", "best known")
_ROW_HEAD = ("instance", "cost model", "objective", "value", "bound", "gap", "status", "found by", "verdict")
_ROWS_BETWEEN_REPORTS = 10
_UNIT = {"least step_time": "s", "least price": "$", "most flow": "tokens/s"}


class Verdict(TypedDict):
    """What ``verify`` prints as JSON.

    Attributes
    ----------
    without
        Instances that have no row.
    failures
        A sentence each.
    """

    instances: int
    rows: int
    without: list[str]
    failures: list[str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the commands of ``library``."""
    commands = parser.add_subparsers(metavar="WHAT", required=True, dest="what")

    def command(name: str, act: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        summary = (act.__doc__ or "").partition(".")[0]
        added = commands.add_parser(name, help=summary, description=act.__doc__, allow_abbrev=False)
        added.add_argument("--folder", type=Path, default=Path("instances"), help="default: %(default)s")
        added.add_argument("--debug", action="store_true", help="show the traceback of a failure")
        added.set_defaults(act=act)
        return added

    add_format(command("list", show))
    add_format(command("verify", verify))
    command("index", write_index)
    update = command("update", take)
    update.add_argument("instance", metavar="INSTANCE", type=Path, help="an instance file in the folder")
    update.add_argument("result", metavar="RESULT", type=Path, help="what milp-amp solve --output wrote")


def run(options: argparse.Namespace) -> int:
    """Run the command that was named."""
    code: int = options.act(options)
    return code


def show(options: argparse.Namespace) -> int:
    """List the instances, what they ask, and what is known of them."""
    entries, rows = _read(options.folder)
    if options.format == "json":
        emit(to_json({"instances": entries, "best_known": rows}).decode())
    else:
        lines = [_instance_line(each, [row for row in rows if row.instance == each.path]) for each in entries]
        emit(table(_INSTANCE_HEAD, lines, right=range(3, 7)))
    return exit_codes.SUCCESS


def write_index(options: argparse.Namespace) -> int:
    """Write the index of the instances that are there."""
    from milp_amp.bench.library import INDEX, Entry, index
    from milp_amp.bench.rows import to_csv

    entries = index(options.folder)
    if not entries:
        raise InputError(f"{options.folder}: no instances, expected <family>/<name>.json")
    write_atomically(options.folder / INDEX, to_csv(entries, Entry))
    emit(f"{options.folder / INDEX}: {len(entries)} instances\n")
    return exit_codes.SUCCESS


def verify(options: argparse.Namespace) -> int:
    """Judge every plan again, and hold the files to the index and the bounds to the values. 31 if anything fails."""
    from milp_amp.bench.library_check import check_index, check_plans, check_rows

    entries, rows = _read(options.folder)
    failures = [*check_index(options.folder, entries), *check_plans(options.folder, rows)]
    checked = tuple(_reported(check_rows(options.folder, rows), len(rows)))
    failures += [f"{each.row.instance}, {each.row.cost_model}: {line}" for each in checked for line in each.failures]
    without = sorted({each.path for each in entries} - {row.instance for row in rows})
    found: Verdict = {"instances": len(entries), "rows": len(rows), "without": without, "failures": failures}
    emit(to_json(found).decode() if options.format == "json" else _confirmation(checked, found))
    for failure in failures:
        complain(failure)
    return exit_codes.FAILED_CHECK if failures else exit_codes.SUCCESS


def take(options: argparse.Namespace) -> int:
    """Judge a result and put it in the place of the best known one where its plan or its bound is better."""
    from milp_amp.bench.best_known import TABLE
    from milp_amp.bench.library_update import update

    row = update(options.folder, _inside(options.folder, options.instance), options.result, datetime.date.today())
    if row is None:
        emit(f"{options.instance}: neither plan nor bound is better than what is known\n")
    else:
        emit(f"{options.folder / TABLE}: {row.instance}, {row.cost_model}: {_known(row)}\n")
    return exit_codes.SUCCESS


def _inside(folder: Path, file: Path) -> str:
    """Return the path of an instance from the folder of its library."""
    try:
        return file.resolve().relative_to(folder.resolve()).as_posix()
    except ValueError:
        raise InputError(f"{file}: not in {folder}, expected an instance of the library") from None


def _read(folder: Path) -> "tuple[tuple[Entry, ...], tuple[BestKnown, ...]]":
    from milp_amp.bench.best_known import TABLE, BestKnown
    from milp_amp.bench.library import INDEX, Entry
    from milp_amp.bench.rows import read_rows

    return read_rows(folder / INDEX, Entry), read_rows(folder / TABLE, BestKnown)


def _reported(found: Iterator["Checked"], total: int) -> Iterator["Checked"]:
    """Pass rows on and say how many are done, for a large cluster takes seconds."""
    for done, each in enumerate(found, start=1):
        if done % _ROWS_BETWEEN_REPORTS == 0:
            inform(f"{done} of {total} plans judged")
        yield each


def _instance_line(entry: "Entry", rows: "Sequence[BestKnown]") -> tuple[str, ...]:
    return (
        entry.path,
        entry.question,
        entry.structure,
        str(entry.devices),
        str(entry.device_types),
        str(entry.nodes),
        str(entry.layers),
        "; ".join(f"{row.cost_model}: {_known(row)}" for row in rows) or "-",
    )


def _known(row: "BestKnown") -> str:
    if row.status == "optimal":
        return f"{_value(row, row.value)}, optimal"
    return f"{_value(row, row.value)}, " + ("no bound" if row.gap is None else f"gap {percent(row.gap)}")


def _row_line(checked: "Checked") -> tuple[str, ...]:
    row = checked.row
    return (
        row.instance,
        row.cost_model,
        row.objective,
        _value(row, row.value),
        "-" if row.bound is None else _value(row, row.bound),
        percent(row.gap),
        row.status,
        row.formulation,
        "failed" if checked.failures else "confirmed",
    )


def _value(row: "BestKnown", value: float) -> str:
    return f"{value:.7g} {_UNIT[row.objective]}"


def _confirmation(checked: "Sequence[Checked]", found: "Verdict") -> str:
    """Return the rows with their verdicts, and below them what was found in all."""
    without = ", ".join(found["without"])
    return (
        table(_ROW_HEAD, [_row_line(each) for each in checked], right=(3, 4, 5))
        + f"\n{found['instances']} instances, {found['rows']} rows, {len(found['failures'])} failures; "
        + (f"without a row: {without}\n" if without else "none without a row\n")
    )
