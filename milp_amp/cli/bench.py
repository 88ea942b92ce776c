"""Run every formulation on every instance of a suite, each run a process of its own, and say how they compare."""

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from milp_amp.cli import exit_codes
from milp_amp.cli.output import inform
from milp_amp.cli.parser import add_time_limit, name_list, positive, whole_numbers
from milp_amp.engine.limits import DEFAULT_GAP
from milp_amp.engine.options import checked_limits
from milp_amp.errors import InputError

if TYPE_CHECKING:
    from milp_amp.bench.journal import Entry
    from milp_amp.bench.task import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bench``."""
    parser.add_argument(
        "suite", metavar="SUITE", nargs="+", help="a family under instances/, a folder, or instance files"
    )
    parser.add_argument("--formulations", type=name_list, metavar="A,B", required=True, help="for training or serving")
    parser.add_argument("--cost-model", type=name_list, default=("pipeline",), metavar="M,N", help="default: pipeline")
    parser.add_argument(
        "--seeds", type=seeds, default=(0,), metavar="N|I,J", help="seeds 0 to N - 1, or a list; default: 1"
    )
    add_time_limit(parser)
    parser.add_argument("--memory-limit", type=positive, metavar="GiB", help="of every run, resident")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="of every run; default: %(default)s")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="runs side by side here; default: %(default)s")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="a new folder, or one to go on")
    parser.add_argument("--cluster", metavar="ADDRESS", help="of a Dask scheduler whose workers do the runs")
    parser.add_argument("--compare", type=Path, metavar="DIR", help="an earlier benchmark: what is slower or worse now")


def seeds(text: str) -> tuple[int, ...]:
    """Read ``N``, for the seeds below it, or a list of seeds; a list of one ends with a comma."""
    numbers = whole_numbers(text.removesuffix(","))
    if "," in text:
        return numbers
    if numbers[0] < 1:
        raise argparse.ArgumentTypeError(f"{text!r}, expected how many, or a list of seeds as in '0,'")
    return tuple(range(numbers[0]))


def run(options: argparse.Namespace) -> int:
    """Run, keep, compare."""
    settings = _settings(options)
    from milp_amp.bench.harness import run_jobs
    from milp_amp.bench.suite import find_instances
    from milp_amp.bench.tasks import all_jobs
    from milp_amp.cli.bench_report import compare_with, earlier_benchmark, report

    earlier = None if options.compare is None else earlier_benchmark(options.compare)
    jobs = all_jobs(find_instances(options.suite), options.formulations, options.cost_model, options.seeds)
    entries = run_jobs(
        jobs,
        settings,
        options.output,
        side_by_side=options.jobs,
        cluster=options.cluster,
        invocation=sys.argv,
        progress=inform,
    )
    report(options.output, entries, settings)
    if earlier is not None:
        compare_with(options.compare, earlier, entries, settings)
    return _exit_code(entries)


def _settings(options: argparse.Namespace) -> "Settings":
    """Refuse what every run would refuse, before the first."""
    from milp_amp.bench.task import Settings

    for seed in options.seeds:
        checked_limits(options.time_limit, options.threads, seed, DEFAULT_GAP, None, None)
    if options.jobs < 1:
        raise InputError(f"--jobs {options.jobs}, expected at least 1")
    endless = options.time_limit is None or math.isinf(options.time_limit)
    return Settings(
        time_limit=None if endless else options.time_limit,
        memory_limit_GiB=options.memory_limit,
        threads=options.threads,
    )


def _exit_code(entries: "Sequence[Entry]") -> int:
    """Return the worst failure's code; limits that were met and bad input are findings, not failures."""
    from milp_amp.bench.outcomes import CLAIM_FAILED, CRASHED, KILLED

    happened = {entry.happened for entry in entries}
    if CLAIM_FAILED in happened:
        return exit_codes.FAILED_CHECK
    return exit_codes.SOLVER_FAILURE if happened & {CRASHED, KILLED} else exit_codes.SUCCESS
