"""A launch directory of servers: a script for each, started once per stage or once for all its stages."""

import shlex
from collections.abc import Mapping

from milp_amp.exchange.directory import Files, spelled_readme
from milp_amp.exchange.ranks import Process, named_hosts
from milp_amp.exchange.servers import Server
from milp_amp.exchange.targets.target import Serve, ServingTarget
from milp_amp.problem.files import to_json

PORT = 29500
"""Where the stages of the first server meet; every further server has a port of its own."""


def serving_files(target: ServingTarget, servers: tuple[Server, ...], hosts: Mapping[str, str]) -> Files:
    """Return the launch directory of servers that the target does not refuse.

    Raises
    ------
    InputError
        If a node has no name that a network knows, or two have the same.
    """
    hosts = named_hosts((node for server in servers for node in server.nodes), hosts)
    text: dict[str, str] = {}
    processes: list[Process] = []
    for number, server in enumerate(servers):
        serve = target.serve(server, number)
        text |= serve.files
        text[f"server-{number}.sh"] = _script(serve, number, hosts)
        processes += _processes(server, number, hosts)
    text["README.txt"] = _readme(target, servers, hosts)
    files = {name: content.encode() for name, content in text.items()}
    files["ranks.json"] = to_json({"servers": len(servers), "processes": processes})
    return files


def _processes(server: Server, number: int, hosts: Mapping[str, str]) -> list[Process]:
    """Return what every rank of a server is; ranks begin anew in each."""
    found: list[Process] = []
    for s, stage in enumerate(server.stages):
        for k, device in enumerate(stage.devices):
            found.append(
                Process(
                    rank=len(found),
                    node=stage.node,
                    host=hosts[stage.node],
                    device=device,
                    local_rank=k,
                    devices=stage.devices,
                    stage=s,
                    replica=number,
                    tensor_rank=k,
                )
            )
    return found


def _script(serve: Serve, number: int, hosts: Mapping[str, str]) -> str:
    stages = serve.server.stages
    head = hosts[stages[0].node]
    values = {"head": head, "port": str(PORT + number), "here": "'\"$here\"'"}
    lines = ["#!/bin/sh", 'here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)']
    if serve.whole:
        lines.append(f"# Started once on {head}; MODEL and further options follow.")
        devices = [device for stage in stages for device in stage.devices]
        lines.append(f"export CUDA_VISIBLE_DEVICES={','.join(map(str, devices))}")
    else:
        lines += _cases(serve, hosts)
        values |= {"stage": "'\"$STAGE\"'", "devices": "'\"$count\"'"}
    lines += [f"export {name}={shlex.quote(value)}" for name, value in serve.environment.items()]
    command, arguments = (_spelled(words, values) for words in (serve.command, serve.arguments))
    lines.append(f'exec {command} "$@" {arguments}{"" if serve.whole or not serve.others else " $others"}')
    return "\n".join((*lines, ""))


def _cases(serve: Serve, hosts: Mapping[str, str]) -> list[str]:
    """Return what differs from stage to stage."""
    cases = [
        f"{s}) devices={','.join(map(str, stage.devices))} count={len(stage.devices)} "
        f"others={shlex.quote(' '.join(serve.others if s else ()))} ;;  # on {hosts[stage.node]}"
        for s, stage in enumerate(serve.server.stages)
    ]
    return [
        "# Started with STAGE=0, STAGE=1, … on the host of each stage; MODEL and further options follow.",
        'case "$STAGE" in',
        *cases,
        f'*) echo "STAGE=$STAGE, expected 0 to {len(serve.server.stages) - 1}" >&2; exit 2 ;;',
        "esac",
        "export CUDA_VISIBLE_DEVICES=$devices",
    ]


def _spelled(words: tuple[str, ...], values: Mapping[str, str]) -> str:
    text = shlex.join(words)
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _readme(target: ServingTarget, servers: tuple[Server, ...], hosts: Mapping[str, str]) -> str:
    commands = []
    for number, server in enumerate(servers):
        if target.serve(server, number).whole:
            commands.append(f"on {hosts[server.nodes[0]]}: sh server-{number}.sh MODEL …")
            continue
        commands += [
            f"on {hosts[stage.node]}: STAGE={s} sh server-{number}.sh MODEL …" for s, stage in enumerate(server.stages)
        ]
    return spelled_readme(
        f"{target.summary}: {len(servers)} servers; ranks.json says which devices each has.",
        *target.notes,
        "Start them by hand on the hosts:",
        *(f"    {command}" for command in commands),
    )
