"""Which instances a benchmark is about: a family of the library, a folder, or files."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from milp_amp.errors import InputError, InstanceError
from milp_amp.problem.files import read_bytes, read_question
from milp_amp.problem.serving import ServingInstance

LIBRARY = "instances"
"""The folder of the families, below the working directory or beside the package in a clone."""

_SCHEMA = ".schema.json"

Question = Literal["training", "serving", "malformed"]


class InstanceFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a suite, as it was when the benchmark began.

    Attributes
    ----------
    label
        ``family/name``: the folder of the file and its name without the ending.
    question
        What it asks; a malformed file is part of the suite, its runs say what is wrong with it.
    """

    label: str
    content: bytes
    question: Question


def find_instances(suite: Sequence[str]) -> tuple[InstanceFile, ...]:
    """Return the instances of a suite, sorted by their labels.

    Parameters
    ----------
    suite
        Names of families, folders, and files; a name without a separator is a family where there is one.

    Raises
    ------
    InputError
        If there is nothing of that name, a folder holds no instance, or two files have one label.
    """
    found: dict[str, Path] = {}
    for path in (path for name in suite for path in _files(name)):
        label = f"{path.resolve().parent.name}/{path.stem}"
        if found.setdefault(label, path).resolve() != path.resolve():
            raise InputError(f"{path}: a second instance {label} beside {found[label]}, expected one of each name")
    return tuple(_read(label, path) for label, path in sorted(found.items()))


def _files(name: str) -> Iterator[Path]:
    place = _place(name)
    if place.is_file():
        yield place
        return
    if not (files := _instances_in(place)):
        raise InputError(f"{name}: no instance in this folder, expected *.json")
    yield from files


def _place(name: str) -> Path:
    """Return the family of that name, or else what stands at that path."""
    libraries = (Path(LIBRARY), Path(__file__).resolve().parents[2] / LIBRARY)
    families = [library / name for library in libraries if Path(name).name == name]
    for place in (*families, Path(name)):
        if place.is_dir() or (place.is_file() and place not in families):
            return place
    known = ", ".join(sorted({family for library in libraries for family in _families(library)}))
    families_known = f" ({known})" if known else ""
    raise InputError(f"{name}: no such suite, expected a family of {LIBRARY}/{families_known}, a folder or a file")


def _instances_in(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob("*.json")) if not path.name.endswith(_SCHEMA)]


def _families(library: Path) -> Iterator[str]:
    return (folder.name for folder in library.glob("*") if _instances_in(folder))


def _read(label: str, path: Path) -> InstanceFile:
    content = read_bytes(path, InstanceError)
    return InstanceFile(label=label, content=content, question=_question(path))


def _question(path: Path) -> Question:
    try:
        return "serving" if isinstance(read_question(path), ServingInstance) else "training"
    except InputError:
        return "malformed"
