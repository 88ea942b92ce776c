"""Reading and writing the package's JSON files, with errors in one line."""

import os
import stat
import tempfile
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from milp_amp.errors import InputError, InstanceError
from milp_amp.problem.instance import Instance
from milp_amp.problem.serving import ServingInstance

T = TypeVar("T")

MAX_FILE_BYTES = 64 * 2**20
"""Larger files are refused unread; the largest instance of the library is far below 1 MiB."""


def read(path: str | os.PathLike[str]) -> Instance:
    """Read an instance.

    Raises
    ------
    InstanceError
        If the file is missing, too large, not JSON, or contradicts the schema or itself.
    """
    return read_json(path, Instance, InstanceError)


def read_serving(path: str | os.PathLike[str]) -> ServingInstance:
    """Read an instance about serving.

    Raises
    ------
    InstanceError
        As ``read``.
    """
    return read_json(path, ServingInstance, InstanceError)


class _Question(msgspec.Struct):
    """The one field that tells the two kinds of instances apart."""

    question: str | None = None


def read_question(path: str | os.PathLike[str]) -> Instance | ServingInstance:
    """Read an instance about training or about serving, whichever the file holds.

    Raises
    ------
    InstanceError
        As ``read``.
    """
    text = read_bytes(path, InstanceError)
    if _asks_serving(text):
        return decode_json(text, ServingInstance, InstanceError, where=str(path))
    return decode_json(text, Instance, InstanceError, where=str(path))


def _asks_serving(text: bytes) -> bool:
    """Whether a text asks about serving; what cannot be decoded does not, and is refused as what it is not."""
    try:
        return msgspec.json.decode(text, type=_Question).question == "serving"
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def read_json(path: str | os.PathLike[str], kind: type[T], error: type[InputError]) -> T:
    """Read and validate one JSON document; any failure is raised as ``error`` with the field's name."""
    return decode_json(read_bytes(path, error), kind, error, where=str(path))


def read_bytes(path: str | os.PathLike[str], error: type[InputError]) -> bytes:
    """Return the content of a regular file of reasonable size, or raise ``error``."""
    file = Path(path)
    try:
        found = file.stat()
        if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
            # A pipe may never end, and has no size to refuse it by.
            raise error(f"{path}: not a regular file, expected a readable file")
        if found.st_size > MAX_FILE_BYTES:
            raise error(f"{path}: {found.st_size} bytes, expected at most {MAX_FILE_BYTES}")
        return file.read_bytes()
    except (OSError, ValueError) as failure:
        reason = getattr(failure, "strerror", None) or failure
        raise error(f"{path}: {reason}, expected a readable file") from None


def decode_json(text: bytes, kind: type[T], error: type[InputError], where: str) -> T:
    """Validate JSON text against ``kind``."""
    try:
        return msgspec.json.decode(text, type=kind)
    except RecursionError:
        raise error(f"{where}: nested too deeply, expected the published schema") from None
    except UnicodeDecodeError:
        raise error(f"{where}: not UTF-8, expected JSON in UTF-8") from None
    except (msgspec.DecodeError, ValueError) as failure:
        raise error(f"{where}: {_one_line(failure)}") from None


def _one_line(failure: Exception) -> str:
    return " ".join(str(failure).replace(" - at `$", " at `").split())


def write_atomically(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never a part.

    Raises
    ------
    InputError
        If the place cannot be written.
    """
    target, descriptor, temporary = _draft(path)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        os.chmod(temporary, 0o644)
        os.replace(temporary, target)
    except OSError as failure:
        Path(temporary).unlink(missing_ok=True)
        raise InputError(f"{path}: {failure.strerror}, expected a writable place") from None


def check_writable(path: str | os.PathLike[str]) -> None:
    """Refuse a place that ``write_atomically`` could not write, before any work is done for it.

    Raises
    ------
    InputError
        If the place cannot be written.
    """
    _, descriptor, temporary = _draft(path)
    os.close(descriptor)
    Path(temporary).unlink()


def _draft(path: str | os.PathLike[str]) -> tuple[Path, int, str]:
    """Return the file that a path means, and a new one beside it that can take its place."""
    try:
        target = Path(os.path.realpath(path))  # through a link, not in its place
        if target.exists() and not target.is_file():
            raise InputError(f"{path}: is no regular file, expected a place for one")
        return target, *tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except (OSError, ValueError) as failure:
        reason = getattr(failure, "strerror", None) or failure
        raise InputError(f"{path}: {reason}, expected a writable place") from None


def to_json(value: Any, *, indent: int = 1) -> bytes:
    """Return a document as readable JSON with a final newline."""
    return msgspec.json.format(msgspec.json.encode(value), indent=indent) + b"\n"
