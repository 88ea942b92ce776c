"""A launch directory: what a launcher reads, host files in the order of ranks, and how to start it."""

import os
import shlex
import shutil
import tempfile
import textwrap
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from milp_amp.errors import InputError
from milp_amp.exchange.ranks import Process, by_node, contiguous, processes
from milp_amp.exchange.targets.target import Launch, Target
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.files import to_json
from milp_amp.problem.instance import Instance

PORT = 29500
"""Where ``torch.distributed`` meets unless ``MASTER_PORT`` says otherwise: its own default."""

Files = dict[str, bytes]
"""Content by name."""


def training_files(target: Target, instance: Instance, strategy: Strategy, hosts: Mapping[str, str]) -> Files:
    """Return the launch directory of a plan that the target does not refuse.

    Raises
    ------
    InputError
        If a node has no name that a network knows.
    """
    launch = target.launch(instance, strategy)
    ranks = processes(instance.cluster, strategy, hosts, launch.labels)
    text = {name: _hosted(content, ranks) for name, content in launch.files.items()}
    text |= {name: _script_text(name) for name in launch.scripts}
    if launch.ranked:
        text |= {**host_files(ranks), "start.sh": _start(launch), "launch.py": _script_text("launch.py")}
        if contiguous(ranks) and all(len(_labels(own)) == 1 for own in by_node(ranks).values()):
            text["torchrun.sh"] = _torchrun(launch, ranks)
        text["ranks.json"] = to_json({"world_size": len(ranks), "processes": ranks}).decode()
    else:
        text["hostfile"] = host_files(ranks)["hostfile"]
    text["README.txt"] = _readme(target, launch, ranks, "torchrun.sh" in text)
    return {name: content.encode() for name, content in text.items()}


def _hosted(content: str, ranks: tuple[Process, ...]) -> str:
    for own in by_node(ranks).values():
        content = content.replace(f"{{host {own[0].node}}}", own[0].host)
    return content


def _script_text(name: str) -> str:
    return resources.files("milp_amp.exchange.launch").joinpath(name).read_text(encoding="utf-8")


def host_files(ranks: tuple[Process, ...]) -> dict[str, str]:
    """Return the hosts for SLURM and ``mpirun --map-by seq``, one per rank, and for launchers that want slots."""
    lines = "".join(f"{process.host}\n" for process in ranks)
    slots = "".join(f"{own[0].host} slots={len(own)}{_type(own)}\n" for own in by_node(ranks).values())
    return {"slurm_hosts": lines, "mpi_hosts": lines, "hostfile": slots}


def _labels(own: list[Process]) -> set[str]:
    return {process.label for process in own}


def _type(own: list[Process]) -> str:
    """Return how a host file says what a launcher calls the devices of a node, where it is one word."""
    labels = _labels(own)
    return f" type={own[0].label}" if len(labels) == 1 and own[0].label else ""


def write_directory(path: str | os.PathLike[str], files: Files) -> None:
    """Write a directory so that a reader sees all of it or nothing.

    Raises
    ------
    InputError
        If there is something at the place, or if it cannot be written.
    """
    place = Path(path)
    draft = None
    try:
        check_directory(place)
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}."))
        for name, content in files.items():
            (draft / name).write_bytes(content)
        draft.chmod(0o755)
        os.replace(draft, place)
    except OSError as failure:
        raise InputError(f"{path}: {failure.strerror}, expected a writable place") from None
    finally:
        if draft is not None:
            shutil.rmtree(draft, ignore_errors=True)


def check_directory(path: str | os.PathLike[str]) -> None:
    """Refuse a place that ``write_directory`` could not write, before any work is done for it.

    Raises
    ------
    InputError
        If it is neither free nor an empty directory, or if nothing can be written there.
    """
    place = Path(path)
    try:
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            raise InputError(f"{path}: is no directory, expected a new or an empty one")
        if place.is_dir() and any(place.iterdir()):
            raise InputError(f"{path}: is not empty, expected a new or an empty directory")
        Path(tempfile.mkdtemp(dir=_existing(place.parent), prefix=f".{place.name}.")).rmdir()
    except OSError as failure:
        raise InputError(f"{path}: {failure.strerror}, expected a writable place") from None


def _existing(place: Path) -> Path:
    """Return the innermost directory of a path that is there already."""
    return next(found for found in (place, *place.parents) if found.exists())


def _start(launch: Launch) -> str:
    """Return the script of one process, or of all processes of ``$NODE``."""
    return _script(
        "# Started by srun or mpirun per process, or with NODE=name per node; PROGRAM and its arguments follow.",
        'here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)',
        f'exec python3 "$here/launch.py" ${{NODE:+--node "$NODE"}} {shlex.join(launch.program)} "$@"{_spelled(launch)}',
    )


def _torchrun(launch: Launch, ranks: tuple[Process, ...]) -> str:
    """Return a script for every node, since every node's ranks follow each other."""
    nodes = by_node(ranks)
    cases = [
        f"{shlex.quote(node)}) rank={n} count={len(own)} devices={','.join(map(str, own[0].devices))} "
        f"label={shlex.quote(own[0].label)} ;;"
        for n, (node, own) in enumerate(nodes.items())
    ]
    return _script(
        "# Started with NODE=name on every node; PROGRAM and its arguments follow.",
        'here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)',
        'case "$NODE" in',
        *cases,
        '*) echo "torchrun.sh: NODE=$NODE, expected a node of ranks.json" >&2; exit 2 ;;',
        "esac",
        f"CUDA_VISIBLE_DEVICES=$devices exec torchrun --nnodes {len(nodes)} --node-rank $rank --nproc-per-node $count "
        f'--master-addr "${{MASTER_ADDR:-{ranks[0].host}}}" --master-port "${{MASTER_PORT:-{PORT}}}" '
        f'{" ".join((*launch.program[1:], ""))}"$@"{_spelled(launch, label="$label")}',
    )


def _script(*lines: str) -> str:
    return "\n".join(("#!/bin/sh", *lines, ""))


def _spelled(launch: Launch, **variables: str) -> str:
    """Return the arguments for a shell, in which ``{here}`` and whatever else is named are variables of the script."""
    text = "".join(f" {shlex.quote(word)}" for word in launch.arguments)
    for name, variable in {"here": "$here", **variables}.items():
        text = text.replace(f"{{{name}}}", f"'\"{variable}\"'")  # ends the quotes and begins them again
    return text


def _readme(target: Target, launch: Launch, ranks: tuple[Process, ...], by_torchrun: bool) -> str:
    about = f"{target.summary}: {len(ranks)} devices on {len(by_node(ranks))} nodes"
    if not launch.ranked:
        return spelled_readme(f"{about}; hostfile has them.", *launch.notes)
    node = shlex.quote(ranks[0].node)
    commands = [
        f"SLURM_HOSTFILE=slurm_hosts srun --distribution=arbitrary --ntasks={len(ranks)} sh start.sh PROGRAM …",
        "mpirun --hostfile mpi_hosts --map-by seq sh start.sh PROGRAM …",
        f"NODE={node} sh start.sh PROGRAM …",
    ]
    if by_torchrun:
        commands.append(f"NODE={node} sh torchrun.sh PROGRAM …")
    return spelled_readme(
        f"{about}, a process each; ranks.json says which runs where.",
        *launch.notes,
        "Start it with SLURM, with mpirun, or by hand on every node, named as in ranks.json:",
        *(f"    {command}" for command in commands),
    )


def spelled_readme(*paragraphs: str) -> str:
    """Return paragraphs as a text file; those that are indented are commands."""
    return "\n\n".join(text if text.startswith("    ") else textwrap.fill(text, 100) for text in paragraphs) + "\n"
