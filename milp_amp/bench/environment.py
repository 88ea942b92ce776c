"""On what a benchmark ran: machine, versions, commit."""

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psutil

from milp_amp.engine.versions import versions
from milp_amp.errors import InputError
from milp_amp.problem.files import read_json, to_json, write_atomically
from milp_amp.units import GiB

ENVIRONMENT = "environment.json"

_PACKAGES = ("highspy", "joblib", "msgspec", "numba", "numpy", "ortools", "pandas", "PuLP", "scipy", "distributed")


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One start of a benchmark: the first, or one that goes on after an interruption."""

    began: str
    command: tuple[str, ...]
    machine: str
    system: str
    processor: str
    cores: int | None
    memory_GiB: float
    python: str
    versions: dict[str, str]
    commit: str | None


def record(folder: Path, command: Sequence[str]) -> None:
    """Add this attempt to what is known about earlier ones."""
    file = folder / ENVIRONMENT
    before = read_json(file, tuple[Attempt, ...], InputError) if file.exists() else ()
    attempt = Attempt(
        began=datetime.now(UTC).isoformat(timespec="seconds"),
        command=tuple(command),
        machine=platform.node(),
        system=platform.platform(),
        processor=_processor(),
        cores=os.cpu_count(),
        memory_GiB=round(psutil.virtual_memory().total / GiB, 1),
        python=sys.version.split()[0],
        versions=versions(*_PACKAGES),
        commit=_commit(),
    )
    write_atomically(file, to_json((*before, attempt)))


def _processor() -> str:
    """Return the name of the processor, which Linux says in a file of its own."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _commit() -> str | None:
    """Return the commit of the package's checkout, marked where files differ from it; ``None`` outside of one."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        said = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return said.stdout.strip()
