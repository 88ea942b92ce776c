"""Start a distributed program with the ranks of ranks.json, whatever order the devices are in.

    srun … python3 launch.py COMMAND …         one process of a SLURM step or of mpirun
    python3 launch.py --node NAME COMMAND …    all processes of a node, by its name in ranks.json or its host's

Every process finds RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE, CUDA_VISIBLE_DEVICES, MASTER_ADDR and MASTER_PORT
in its environment, as torch.distributed reads them; {label} in COMMAND is what the launcher calls its devices.
"""

from __future__ import annotations  # clusters have old Pythons

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

# Inner launchers first: inside a SLURM job, processes of mpirun also have SLURM_PROCID, that of mpirun's own helper.
RANK_VARIABLES = {
    "OMPI_COMM_WORLD_RANK": "OMPI_COMM_WORLD_SIZE",
    "PMI_RANK": "PMI_SIZE",
    "PMIX_RANK": "",
    "SLURM_PROCID": "SLURM_STEP_NUM_TASKS",
}
DEFAULT_PORT = "29500"
GRACE_SECONDS = 30.0
"""What processes that are asked to end are given: one that waits for others inside a library may not hear of it."""


def main(arguments: list[str]) -> int:  # noqa: RET503 - the last line does not return
    """Run what the arguments say; return the exit code."""
    processes = read_processes()
    if arguments[:1] == ["--node"]:
        return run_node(arguments[1:], processes)
    rank, size = rank_and_size()
    if not arguments:
        return refuse("no command, expected [--node NAME] COMMAND …")
    if not rank.isdigit() or int(rank) >= len(processes):
        expected = f"0 to {len(processes) - 1} in {' or '.join(RANK_VARIABLES)}"
        return refuse(f"rank {rank!r}, expected --node NAME, or {expected}")
    if size and size != str(len(processes)):  # those that are missing would be waited for without end
        return refuse(f"{size} processes were started, expected {len(processes)}, as in ranks.json")
    process = processes[int(rank)]
    os.execvpe(arguments[0], labelled(arguments, process), environment(process, processes))


def rank_and_size() -> tuple[str, str]:
    """Return this process's rank and the number of processes as their launcher says; empty where it does not."""
    rank = next((name for name in RANK_VARIABLES if name in os.environ), "")
    return os.environ.get(rank, ""), os.environ.get(RANK_VARIABLES.get(rank, ""), "")


def run_node(arguments: list[str], processes: list[dict[str, Any]]) -> int:
    """Run all processes of a node; return the first failure's exit code."""
    name, command = arguments[:1], arguments[1:]
    mine = [process for process in processes if [process["node"]] == name or [process["host"]] == name]
    if not mine or not command:
        nodes = ", ".join(sorted({process["node"] for process in processes}))
        return refuse(f"--node {' '.join(arguments)}, expected NAME COMMAND … where NAME is one of {nodes}")
    return wait([start(process, processes, command) for process in mine])


def read_processes() -> list[dict[str, Any]]:
    """Return the processes of ranks.json, by rank."""
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ranks.json")
    with open(beside, encoding="utf-8") as stream:
        found: list[dict[str, Any]] = json.load(stream)["processes"]
    return found


def environment(process: dict[str, Any], processes: list[dict[str, Any]]) -> dict[str, str]:
    """Return the environment of one process."""
    return dict(
        os.environ,
        RANK=str(process["rank"]),
        WORLD_SIZE=str(len(processes)),
        LOCAL_RANK=str(process["local_rank"]),
        LOCAL_WORLD_SIZE=str(len(process["devices"])),
        CUDA_VISIBLE_DEVICES=",".join(map(str, process["devices"])),
        MASTER_ADDR=os.environ.get("MASTER_ADDR", processes[0]["host"]),
        MASTER_PORT=os.environ.get("MASTER_PORT", DEFAULT_PORT),
    )


def labelled(command: list[str], process: dict[str, Any]) -> list[str]:
    """Return the command of one process."""
    return [word.replace("{label}", process["label"]) for word in command]


def start(process: dict[str, Any], processes: list[dict[str, Any]], command: list[str]) -> subprocess.Popen[bytes]:
    """Start one process beside others."""
    return subprocess.Popen(labelled(command, process), env=environment(process, processes))


def wait(children: list[subprocess.Popen[bytes]]) -> int:
    """Wait for all processes; end all when one fails or somebody asks to, and return the first failure's code."""
    asked: list[float] = []

    def stop(*_: object) -> None:
        asked.append(time.monotonic())
        for child in children:
            child.terminate()

    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, stop)
    code = 0
    while any([child.poll() is None for child in children]):  # noqa: C419 - every child is to be reaped
        failed = [child.returncode for child in children if child.returncode]
        if failed and not code:
            code = failed[0]
            stop()
        if asked and time.monotonic() > asked[0] + GRACE_SECONDS:
            for child in children:
                child.kill()
        time.sleep(0.05)
    code = code or next((child.returncode for child in children if child.returncode), 0)
    return code if code >= 0 else 128 - code


def refuse(reason: str) -> int:
    """Say in one line what is wrong."""
    sys.stderr.write(f"launch.py: {reason}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
