"""Write a plan as a launcher takes it: its arguments or configuration, host files in the order of ranks, a rank map."""

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from milp_amp.cli import exit_codes
from milp_amp.cli.answers import LIBRARY, find_question, read_answer
from milp_amp.cli.output import inform
from milp_amp.cli.parser import add_cost_model, add_time_limit
from milp_amp.errors import InputError, PlanError
from milp_amp.plan.files import read_strategy
from milp_amp.plan.result import Result
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.cluster import Cluster
from milp_amp.problem.files import read, read_bytes, to_json
from milp_amp.problem.instance import Instance

DEFAULT_SECONDS = 60.0
"""What the search for the nearest plan may take."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``export``."""
    from milp_amp.exchange.targets import names

    parser.add_argument("result", metavar="RESULT", help="a result, as solve --output writes it, or a bare plan")
    parser.add_argument("--target", required=True, choices=names(), metavar="T", help=", ".join(names()))
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="a new or an empty directory")
    parser.add_argument(
        "--instance", metavar="FILE", help=f"what it answers; default: looked for by its name below {LIBRARY}/"
    )
    parser.add_argument("--hosts", metavar="FILE", help="lines of a node's name and its host's: 'p3.0 gpu17'")
    parser.add_argument(
        "--nearest", action="store_true", help="where the target cannot run it: the best plan that it can run"
    )
    add_cost_model(parser)
    add_time_limit(parser)
    parser.set_defaults(time_limit=DEFAULT_SECONDS)
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="default: %(default)s")


@dataclass(frozen=True)
class _Plan:
    """A plan with the instance that it answers and the cost model by which it was found."""

    instance: Instance
    strategy: Strategy
    cost_model: str


def run(options: argparse.Namespace) -> int:
    """Read, judge, refuse or write."""
    from milp_amp.exchange.directory import check_directory, training_files, write_directory
    from milp_amp.exchange.targets import load

    check_directory(options.output)
    target, plan = load(options.target), _read(options)
    hosts = _hosts(options.hosts, plan.instance.cluster)
    strategy = _runnable(plan, options)
    files = training_files(target, plan.instance, strategy, hosts) | {"plan.json": to_json(strategy)}
    write_directory(options.output, files)
    inform(f"{options.output}: {target.summary}, {', '.join(sorted(files))}")
    return exit_codes.SUCCESS


def _runnable(plan: _Plan, options: argparse.Namespace) -> Strategy:
    """Return the plan, or the nearest that the target can run where that was asked for; otherwise refuse."""
    from milp_amp.exchange.nearest import costs_of, judged
    from milp_amp.exchange.targets import load

    target, where = load(options.target), options.result
    try:
        value = judged(plan.instance, plan.strategy, costs_of(plan.instance, plan.cost_model))
        refusals = target.refusals(plan.instance, plan.strategy)
    except InputError as failure:
        raise type(failure)(f"{where}: {failure}") from None
    if not refusals:
        return plan.strategy
    result = _nearest(plan, options)
    reason = f"{where}: {target.summary} cannot run it: {refusals[0]}"
    if result.strategy is None or result.objective is None:
        raise InputError(f"{reason}; no plan that it can run: {result.status.value} {' '.join(result.notes[:1])}")
    if left := target.refusals(plan.instance, result.strategy):
        raise InputError(f"{reason}; nor the best that was found instead: {left[0]}")
    told = f"{reason}; the nearest plan that it can run {_compared(plan.instance, value, result)}"
    if not options.nearest:
        raise InputError(f"{told}; --nearest writes that one")
    inform(told)
    return result.strategy


def _compared(instance: Instance, value: float, result: Result) -> str:
    """Say what the nearest plan takes, and how much more that is than what was refused."""
    assert result.objective is not None
    verb = "costs" if instance.objective.minimise == "price" else "takes"
    percent = 100 * (result.objective / value - 1) if value else 0.0
    than = f"{abs(percent):.3g} % {'less' if percent < 0 else 'more'}"
    return f"{verb} {result.objective:.6g} {instance.objective.unit} per step, {than} ({result.status.value})"


def _nearest(plan: _Plan, options: argparse.Namespace) -> Result:
    from milp_amp.cli.progress import Progress
    from milp_amp.exchange.nearest import nearest
    from milp_amp.exchange.targets import load

    return nearest(
        plan.instance,
        plan.strategy,
        load(options.target),
        cost_model=plan.cost_model,
        time_limit=options.time_limit,
        threads=options.threads,
        seed=options.seed,
        progress=Progress(plan.instance.objective.unit),
    )


def _read(options: argparse.Namespace) -> _Plan:
    """Read a result, whose instance is found by its name, or a bare plan for the instance that is given."""
    if not _is_result(options.result):
        if options.instance is None:
            raise PlanError(f"{options.result}: a plan without a result, expected --instance FILE")
        return _Plan(read(options.instance), read_strategy(options.result), options.cost_model)
    answer = read_answer(options.result)
    given = [(options.instance, read(options.instance))] if options.instance else []
    question = find_question(answer, options.result, list(given))
    if not isinstance(answer, Result) or not isinstance(question, Instance):
        raise InputError(f"{options.result}: a result about serving, expected one about training for {options.target}")
    if answer.strategy is None:
        raise PlanError(f"{options.result}: a result with status {answer.status.value!r} has no plan")
    return _Plan(question, answer.strategy, answer.cost_model)


def _is_result(path: str | os.PathLike[str]) -> bool:
    try:
        return "status" in msgspec.json.decode(read_bytes(path, PlanError), type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return True  # and refused as one


def _hosts(path: str | None, cluster: Cluster) -> Mapping[str, str]:
    from milp_amp.exchange.ranks import read_hosts

    if path is None:
        return {}
    try:
        return read_hosts(read_bytes(path, InputError).decode(), path, cluster)
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8, expected lines of a node and its host") from None
