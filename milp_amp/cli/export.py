"""Write a plan as a launcher takes it: its arguments or configuration, host files in the order of ranks, a rank map."""

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from milp_amp.cli import exit_codes
from milp_amp.cli.answers import LIBRARY, find_question, read_answer
from milp_amp.cli.output import inform
from milp_amp.cli.parser import seconds
from milp_amp.cost.model import COST_MODELS
from milp_amp.errors import InputError, PlanError
from milp_amp.plan.files import read_placement, read_strategy
from milp_amp.plan.placement import Placement
from milp_amp.plan.result import Result, Status
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.cluster import Cluster
from milp_amp.problem.files import read_bytes, read_question, to_json
from milp_amp.problem.instance import Instance
from milp_amp.problem.serving import ServingInstance

if TYPE_CHECKING:
    from milp_amp.exchange.directory import Files

DEFAULT_SECONDS = 60.0
"""What the search for the nearest plan may take."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``export``."""
    from milp_amp.exchange.targets import names, placing_names, serving_names

    known = (*names(), *placing_names(), *serving_names())
    parser.add_argument("result", metavar="RESULT", help="a result, as solve --output writes it, or a bare plan")
    parser.add_argument("--target", required=True, choices=known, metavar="T", help=", ".join(known))
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="a new or an empty directory")
    parser.add_argument(
        "--instance", metavar="FILE", help=f"what it answers; default: looked for by its name below {LIBRARY}/"
    )
    parser.add_argument("--hosts", metavar="FILE", help="lines of a node's name and its host's: 'p3.0 gpu17'")
    parser.add_argument(
        "--nearest", action="store_true", help="where the target cannot run it: the best plan that it can run"
    )
    parser.add_argument(
        "--cost-model", choices=COST_MODELS, default="pipeline", help="of a bare plan; default: %(default)s"
    )
    parser.add_argument(
        "--time-limit",
        type=seconds,
        default=DEFAULT_SECONDS,
        metavar="S",
        help="wall seconds of the search for the nearest plan; default: %(default)g",
    )
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="default: %(default)s")


@dataclass(frozen=True)
class _Plan:
    """A plan with the instance that it answers and the cost model by which it was found."""

    instance: Instance
    strategy: Strategy
    cost_model: str


@dataclass(frozen=True)
class _Placed:
    """A placement with the instance that it answers."""

    instance: ServingInstance
    placement: Placement


def run(options: argparse.Namespace) -> int:
    """Read, judge, refuse or write."""
    from milp_amp.exchange.directory import check_directory, write_directory
    from milp_amp.exchange.targets import load_any

    check_directory(options.output)
    plan, target = _read(options), load_any(options.target)
    hosts = hosts_of(options.hosts, plan.instance.cluster)
    files = _placed(plan, options, hosts) if isinstance(plan, _Placed) else _planned(plan, options, hosts)
    write_directory(options.output, files)
    inform(f"{options.output}: {target.summary}, {', '.join(sorted(files))}")
    return exit_codes.SUCCESS


def _planned(plan: _Plan, options: argparse.Namespace, hosts: Mapping[str, str]) -> "Files":
    return files_of_plan(plan.instance, _runnable(plan, options), options.target, hosts)


def files_of_plan(instance: Instance, strategy: Strategy, name: str, hosts: Mapping[str, str]) -> "Files":
    """Return the directory of a plan, which the target can run: its replicas train together, or each serves alone."""
    from milp_amp.exchange.directory import training_files
    from milp_amp.exchange.servers import servers_of_plan
    from milp_amp.exchange.serving_directory import serving_files
    from milp_amp.exchange.targets import load_any
    from milp_amp.exchange.targets.decoder import decoder
    from milp_amp.exchange.targets.target import Target

    target, written = load_any(name), {"plan.json": to_json(strategy)}
    if isinstance(target, Target):
        return training_files(target, instance, strategy, hosts) | written
    counts = decoder(instance, target.summary).counts(strategy)
    servers = servers_of_plan(instance.cluster, strategy, counts)
    return serving_files(target, servers, hosts) | written


def _placed(plan: _Placed, options: argparse.Namespace, hosts: Mapping[str, str]) -> "Files":
    """Return the directory of a placement whose machines form chains."""
    from milp_amp.exchange.servers import servers_of_placement
    from milp_amp.exchange.serving_directory import serving_files
    from milp_amp.exchange.targets import load_serving

    try:
        target = load_serving(options.target)
        servers = servers_of_placement(plan.instance, plan.placement)
    except InputError as failure:
        raise type(failure)(f"{options.result}: {failure}") from None
    if reasons := target.unserved(servers):
        raise InputError(f"{options.result}: {target.summary} cannot run it: {reasons[0]}")
    return serving_files(target, servers, hosts) | {"plan.json": to_json(plan.placement)}


def _runnable(plan: _Plan, options: argparse.Namespace) -> Strategy:
    """Return the plan, or the nearest that the target can run where that was asked for; otherwise refuse."""
    from milp_amp.exchange.nearest import costs_of, judged
    from milp_amp.exchange.targets import load_any

    target, where = load_any(options.target), options.result
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
        proved = result.status is Status.INFEASIBLE
        none = (
            "there is none that it can run" if proved else f"none that it can run was found in {result.runtime_s:.3g} s"
        )
        raise InputError(f"{reason}; {none}")
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
    from milp_amp.exchange.targets import load_any

    return nearest(
        plan.instance,
        plan.strategy,
        load_any(options.target),
        cost_model=plan.cost_model,
        time_limit=options.time_limit,
        threads=options.threads,
        seed=options.seed,
        progress=Progress(plan.instance.objective.unit),
    )


def _read(options: argparse.Namespace) -> _Plan | _Placed:
    """Read a result, whose instance is found by its name, or a bare plan for the instance that is given."""
    keys = _keys(options.result)
    if keys and "status" not in keys:
        return _bare(options, "layers" in keys)
    answer = read_answer(options.result)
    given = [(options.instance, read_question(options.instance))] if options.instance else []
    question = find_question(answer, options.result, given)
    if isinstance(answer, Result) and isinstance(question, Instance):
        return _Plan(question, read_strategy(options.result), answer.cost_model)
    assert isinstance(question, ServingInstance)
    return _Placed(question, read_placement(options.result))


def _bare(options: argparse.Namespace, placement: bool) -> _Plan | _Placed:
    if options.instance is None:
        raise PlanError(f"{options.result}: a plan without a result, expected --instance FILE")
    question = read_question(options.instance)
    if isinstance(question, ServingInstance) != placement:
        asked, told = ("training", "serving") if placement else ("serving", "training")
        raise InputError(f"{options.result}: a plan about {told}, but instance {question.name!r} is about {asked}")
    if isinstance(question, ServingInstance):
        return _Placed(question, read_placement(options.result))
    return _Plan(question, read_strategy(options.result), options.cost_model)


def _keys(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the fields of a file; none where it is refused anyhow."""
    try:
        return msgspec.json.decode(read_bytes(path, PlanError), type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return {}


def hosts_of(path: str | None, cluster: Cluster) -> Mapping[str, str]:
    """Return the names of hosts that a file gives to nodes, or those that they have by themselves."""
    from milp_amp.exchange.ranks import own_hosts, read_hosts

    if path is None:
        return own_hosts(cluster)
    try:
        return read_hosts(read_bytes(path, InputError).decode("utf-8-sig"), path, cluster)
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8, expected lines of a node and its host") from None
