"""The tiny instance and a plan for it, as documents that a test may spoil."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[1] / "data"
LIBRARY = Path(__file__).parents[2] / "instances"
TINY = DATA / "tiny.json"
TINY_PLAN = DATA / "tiny-plan.json"


def tiny() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(TINY.read_bytes())
    return document


def tiny_plan() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(TINY_PLAN.read_bytes())
    return document


def milp_amp(*arguments: object, **options: Any) -> "subprocess.CompletedProcess[str]":
    """Run the command line as a process of its own."""
    return subprocess.run(command(arguments), capture_output=True, text=True, timeout=120, **options)


def command(arguments: Sequence[object]) -> list[str]:
    return [sys.executable, "-m", "milp_amp", *map(str, arguments)]


def documents(text: str) -> list[Any]:
    """Return every JSON document in a text."""
    found: list[Any] = []
    rest = text.strip()
    while rest:
        document, end = json.JSONDecoder().raw_decode(rest)
        found.append(document)
        rest = rest[end:].strip()
    return found
