"""Plug-ins: groups of entry points, ours and a stranger's found alike."""

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from milp_amp.errors import FormulationError


def installed(group: str) -> tuple[str, ...]:
    """Return the names of all that is installed in a group, sorted."""
    return tuple(sorted(_entry_points(group)))


def load_from(group: str, name: str, kind: str) -> Any:
    """Return what is installed in a group under a name; ``kind`` is what to call it.

    Raises
    ------
    FormulationError
        If it is not installed or cannot be imported.
    """
    found = _entry_points(group)
    if name not in found:
        raise FormulationError(f"no {kind} {name!r}, expected one of {', '.join(sorted(found))}")
    try:
        return found[name].load()
    except ImportError as failure:
        raise FormulationError(f"{kind} {name!r} cannot be imported: {failure}") from failure


def _entry_points(group: str) -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=group)}
