"""Writing a mathematical program to a file, whole or not at all."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from milp_amp.errors import FormulationError
from milp_amp.problem.files import write_atomically

Writer = Callable[[str], object]
"""Writes the program to the path it is given."""


def check_suffix(path: Path | None, formulation: str, suffixes: tuple[str, ...]) -> None:
    """Refuse a file that a formulation cannot write before any time is spent.

    Raises
    ------
    FormulationError
        If the suffix is none of the formulation's.
    """
    if path is not None and path.suffix not in suffixes:
        expected = f"expected {' or '.join(suffixes)}" if suffixes else "it has no program to export"
        raise FormulationError(f"export_program = {path}: {formulation} cannot write {path.suffix!r}, {expected}")


def export_program(path: Path, writers: Mapping[str, Writer]) -> None:
    """Write a program with the writer of the path's suffix."""
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder, f"program{path.suffix}")
        writers[path.suffix](str(draft))
        write_atomically(path, draft.read_bytes())
