"""Find the best plan for an instance and prove how good it is."""

import argparse
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from milp_amp.cli import exit_codes
from milp_amp.cli.alternatives import add_alternatives, answer_alternatives
from milp_amp.cli.output import emit, inform
from milp_amp.cli.parser import (
    add_cost_model,
    add_format,
    add_instance,
    add_objective,
    add_restrictions,
    add_time_limit,
    fraction,
    positive,
    writable,
)
from milp_amp.cli.progress import Progress
from milp_amp.cli.replanning import add_replanning, answer_replanned
from milp_amp.cli.start import read_start
from milp_amp.engine.limits import DEFAULT_GAP
from milp_amp.engine.options import checked_program
from milp_amp.errors import InputError
from milp_amp.plan.files import read_placement
from milp_amp.plan.placement import ServingResult
from milp_amp.plan.result import Result
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.files import read_question, to_json, write_atomically
from milp_amp.problem.instance import Instance
from milp_amp.problem.serving import ServingInstance


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``solve``."""
    add_instance(parser)
    parser.add_argument("--formulation", default="auto", metavar="NAME", help="default: %(default)s")
    add_restrictions(parser)
    parser.add_argument(
        "--target", metavar="T", help="keep to plans that a launcher can run, as in export, and say what that costs"
    )
    parser.add_argument("--launch", metavar="DIR", help="write the plan as the target takes it, as export does")
    add_objective(parser)
    add_cost_model(parser)
    add_time_limit(parser)
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="default: %(default)s")
    parser.add_argument("--gap", type=fraction, default=DEFAULT_GAP, metavar="G", help="default: %(default)s")
    parser.add_argument(
        "--warm-start",
        metavar="RESULT",
        help="a result, a strategy or a placement to start from, or where there is no such file, a formulation that "
        "finds a plan first, such as gradient; amp_dp and amp_dp_exact ignore it",
    )
    add_alternatives(parser)
    add_replanning(parser)
    parser.add_argument(
        "--partial-inference", action="store_true", help="serving: requests may enter a machine amid its layers"
    )
    parser.add_argument(
        "--requests", metavar="FILE", help="serving: seek served tokens; CSV: prompt_tokens, output_tokens"
    )
    parser.add_argument(
        "--latency-limit", type=positive, metavar="S", help="serving: mean seconds that an output token may take"
    )
    parser.add_argument("--output", type=writable, metavar="FILE", help="write the result as JSON")
    parser.add_argument(
        "--export-program", type=Path, metavar="FILE", help="write the mathematical program: .lp, .mps or .pb"
    )
    add_format(parser)


def run(options: argparse.Namespace) -> int:
    """Solve, write, show."""
    instance = read_question(options.instance)
    if isinstance(instance, ServingInstance):
        return _serve(instance, options)
    return _train(instance, options)


def _train(instance: Instance, options: argparse.Namespace) -> int:
    """Answer a question about training."""
    from milp_amp.exchange.aim import solve_for
    from milp_amp.exchange.nearest import restricted
    from milp_amp.exchange.targets import load_any
    from milp_amp.solving import solve
    from milp_amp.view.text import render

    for name in ("partial_inference", "requests", "latency_limit"):
        if getattr(options, name):
            raise InputError(f"{options.instance}: {_spelled((name,))} is about serving, expected none")
    if options.export_program is not None:
        checked_program(options.export_program)
    _check_launch(instance, options)
    instance = _asked(instance, options)
    target = None if options.target is None else load_any(options.target)
    narrowed = instance if target is None else restricted(instance, target)
    if options.replan_from is not None:
        moved = answer_replanned(narrowed, options)
        return _answer(moved, options, lambda: render(narrowed, moved))
    if options.replan_tolerance is not None:
        raise InputError("--replan-tolerance: how near to the best plan, expected a plan with --replan-from")
    if options.top is not None:
        return answer_alternatives(narrowed, options)
    search = solve if target is None else partial(solve_for, target=target)
    result = search(
        instance,
        formulation=options.formulation,
        cost_model=options.cost_model,
        time_limit=options.time_limit,
        threads=options.threads,
        seed=options.seed,
        gap=options.gap,
        warm_start=read_start(options.warm_start) if options.warm_start else None,
        progress=Progress(instance.objective.unit),
        export_program=options.export_program,
    )
    code = _answer(result, options, lambda: render(instance, result))
    if options.launch is not None and result.strategy is not None:
        _write_launch(instance, result.strategy, options)
    return code


def _check_launch(instance: Instance, options: argparse.Namespace) -> None:
    """Refuse a directory that cannot be written, or written for nobody, before any search."""
    from milp_amp.exchange.directory import check_directory
    from milp_amp.exchange.ranks import named_hosts, own_hosts

    if options.launch is None:
        return
    if options.target is None:
        raise InputError(f"--launch {options.launch}: a plan as a launcher takes it, expected --target T")
    if options.top is not None or options.replan_from is not None:
        raise InputError(f"--launch {options.launch}: of one new plan, expected neither --top nor --replan-from")
    try:
        named_hosts(instance.cluster.host_of_name, own_hosts(instance.cluster))
    except InputError as failure:
        raise InputError(f"--launch {options.launch}: {failure}, which milp-amp export has") from None
    check_directory(options.launch)
    if options.output is not None and Path(os.path.realpath(options.launch)) in options.output.resolve().parents:
        raise InputError(f"--output {options.output}: is in the --launch directory, expected another place")


def _write_launch(instance: Instance, strategy: Strategy, options: argparse.Namespace) -> None:
    from milp_amp.cli.export import files_of_plan, hosts_of
    from milp_amp.exchange.directory import write_directory

    files = files_of_plan(instance, strategy, options.target, hosts_of(None, instance.cluster))
    write_directory(options.launch, files)
    inform(f"{options.launch}: {', '.join(sorted(files))}")


def _serve(instance: ServingInstance, options: argparse.Namespace) -> int:
    """Answer a question about serving."""
    from milp_amp.judge.serve import load_from
    from milp_amp.solving.serving import solve_serving
    from milp_amp.view.serving_text import render_serving

    _refuse_training_options(options)
    result = solve_serving(
        instance,
        options.formulation,
        time_limit=options.time_limit,
        threads=options.threads,
        seed=options.seed,
        gap=options.gap,
        partial_inference=options.partial_inference,
        warm_start=read_placement(options.warm_start) if options.warm_start else None,
        requests=load_from(options.requests) if options.requests else None,
        latency_limit=options.latency_limit,
        progress=Progress("tokens/s"),
    )
    return _answer(result, options, lambda: render_serving(instance, result))


def _answer(result: Result | ServingResult, options: argparse.Namespace, report: Callable[[], str]) -> int:
    """Write the result where it should go, show it, and return the exit code."""
    try:
        if options.output is not None:  # before anything can go wrong with the report
            write_atomically(options.output, to_json(result))
    finally:
        emit(to_json(result).decode() if options.format == "json" else report())
    return exit_codes.of_status(result.status)


def _refuse_training_options(options: argparse.Namespace) -> None:
    """Refuse what has no meaning for serving, rather than leave it unheard."""
    names = (
        "restrict",
        "target",
        "launch",
        "minimise",
        "least_steps_per_second",
        "most_price_per_step",
        "export_program",
        "top",
        "replan_from",
    )
    for name in names:
        if getattr(options, name):
            option = f"--{name.replace('_', '-')}"
            raise InputError(f"{options.instance}: {option} is about training, expected none of {_spelled(names)}")


def _spelled(names: tuple[str, ...]) -> str:
    return ", ".join(f"--{name.replace('_', '-')}" for name in names)


def _asked(instance: Instance, options: argparse.Namespace) -> Instance:
    """Return the instance with what the options ask instead or besides."""
    asked = {name: getattr(options, name) for name in ("minimise", "least_steps_per_second", "most_price_per_step")}
    given = {name: value for name, value in asked.items() if value is not None}
    return instance.restricted(*options.restrict).asked(**given)
