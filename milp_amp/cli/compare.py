"""Solve every instance with every formulation: one row each, the baseline first."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from milp_amp.cli import exit_codes
from milp_amp.cli.output import emit, inform
from milp_amp.cli.parser import add_cost_model, add_time_limit, name_list, writable
from milp_amp.errors import FormulationError
from milp_amp.problem.files import read, write_atomically
from milp_amp.view.table import table
from milp_amp.view.units_text import percent, seconds

if TYPE_CHECKING:
    from milp_amp.bench.comparison import Row

_TEXT_HEAD = ("instance", "formulation", "status", "step time", "bound", "gap", "run", "t/d/p/b", "of baseline")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``compare``."""
    parser.add_argument("instances", metavar="INSTANCE", nargs="+", help="instance files")
    parser.add_argument("--formulations", type=name_list, metavar="A,B", help="default: all that are installed")
    add_cost_model(parser)
    add_time_limit(parser)
    parser.add_argument("--csv", type=writable, metavar="FILE", help="write the rows as CSV")


def run(options: argparse.Namespace) -> int:
    """Solve all pairs; the code is that of the worst failure."""
    from milp_amp.bench.comparison import compare

    formulations = _known(options.formulations)
    instances = [read(path) for path in options.instances]
    rows: list[Row] = []
    try:
        for row in compare(instances, formulations, cost_model=options.cost_model, time_limit=options.time_limit):
            rows.append(row)
            inform(f"{row.instance}  {row.formulation}  {row.error or _status(row)}")
    finally:  # a second Ctrl-C ends the run, not the rows that are done
        try:
            if rows and options.csv is not None:
                _write(rows, options.csv)
        finally:
            if rows:
                _show(rows)
    return _exit_code(rows)


def _known(asked: tuple[str, ...] | None) -> tuple[str, ...]:
    from milp_amp.formulation import names
    from milp_amp.solving.chain import AUTO

    installed = (*names(), AUTO)
    for name in asked or ():
        if name not in installed:
            raise FormulationError(f"no formulation {name!r}, expected one of {', '.join(installed)}")
    return asked or names()


def _write(rows: "list[Row]", path: Path) -> None:
    from pandas import DataFrame

    write_atomically(path, DataFrame([_record(row) for row in rows]).to_csv(index=False).encode())


def _show(rows: "list[Row]") -> None:
    emit(table(_TEXT_HEAD, [_text_row(row) for row in rows], right=range(3, len(_TEXT_HEAD))))
    if errors := [f"{row.instance}, {row.formulation}: {row.error}\n" for row in rows if row.error]:
        emit("\n" + "".join(errors))


def _status(row: "Row") -> str:
    return "error" if row.result is None else row.result.status.value


def _text_row(row: "Row") -> tuple[str, ...]:
    result, plan = row.result, row.result.strategy if row.result else None
    return (
        row.instance,
        row.formulation,
        _status(row),
        seconds(result.objective if result else None),
        seconds(result.bound if result else None),
        percent(result.gap if result else None),
        seconds(result.runtime_s if result else None),
        f"{plan.tensor_parallel}/{plan.data_parallel}/{plan.pipeline_parallel}/{plan.microbatch_size}" if plan else "-",
        "-" if row.relative is None else f"{row.relative:.4f}",
    )


def _record(row: "Row") -> dict[str, object]:
    result, plan = row.result, row.result.strategy if row.result else None
    return {
        "instance": row.instance,
        "formulation": row.formulation,
        "status": _status(row),
        "step_time": result.objective if result else None,
        "bound": result.bound if result else None,
        "gap": result.gap if result else None,
        "runtime_s": result.runtime_s if result else None,
        "tensor_parallel": plan.tensor_parallel if plan else None,
        "data_parallel": plan.data_parallel if plan else None,
        "pipeline_parallel": plan.pipeline_parallel if plan else None,
        "microbatch_size": plan.microbatch_size if plan else None,
        "relative_to_baseline": row.relative,
        "error": row.error,
    }


def _exit_code(rows: "list[Row]") -> int:
    """Return the worst failure's code; that a formulation cannot be applied is a finding, not a failure."""
    codes = {exit_codes.of_failure(row.failure) for row in rows if row.failure is not None}
    return max(codes - {exit_codes.BAD_INPUT}, default=exit_codes.SUCCESS)
