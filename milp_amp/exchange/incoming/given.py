"""A file as it was given: its name, its bytes, and how an instance cites it."""

import codecs
import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from milp_amp.errors import InputError
from milp_amp.problem.files import decode_json, read_bytes

T = TypeVar("T")

_SHOWN = 60
"""Characters of what was read that a complaint repeats."""


@dataclass(frozen=True)
class Given:
    """What stands in a file; everything that is read here is read from one."""

    name: str
    content: bytes

    @classmethod
    def read(cls, path: Path) -> "Given":
        """Read a file.

        Raises
        ------
        InputError
            If it is missing, no regular file, or too large.
        """
        return cls(str(path), read_bytes(path, InputError))

    @property
    def short(self) -> str:
        """The name without the folder."""
        return Path(self.name).name

    @property
    def cited(self) -> str:
        """The name without the folder, and the first digits of the content's SHA-256."""
        return f"{self.short} (sha256 {hashlib.sha256(self.content).hexdigest()[:12]})"

    @property
    def body(self) -> bytes:
        """The content without the mark that editors and shells on Windows begin UTF-8 with."""
        return self.content.removeprefix(codecs.BOM_UTF8)

    @property
    def is_json(self) -> bool:
        """Whether it begins as a JSON object or list does."""
        return self.body.lstrip()[:1] in (b"{", b"[")

    def lines(self) -> list[str]:
        """Return the lines.

        Raises
        ------
        InputError
            If it is no text in UTF-8.
        """
        try:
            return [line.rstrip("\r") for line in self.body.decode().split("\n")]
        except UnicodeDecodeError:
            raise InputError(f"{self.name}: not UTF-8, expected text in UTF-8") from None

    def json(self, kind: type[T]) -> T:
        """Validate it as JSON of a kind.

        Raises
        ------
        InputError
            If it is none.
        """
        return decode_json(self.body, kind, InputError, self.name)

    def refusal(self, read: str, expected: str) -> InputError:
        """Return the error about something that was read."""
        return InputError(f"{self.name}: {read}, expected {expected}")

    def number(self, token: str, what: str, where: str) -> float:
        """Return a finite number of at least 0.

        Raises
        ------
        InputError
            If the token is none.
        """
        try:
            value = float(token)
        except ValueError:
            value = math.nan
        if not 0 <= value <= _LARGEST:
            raise self.refusal(f"{where}: {what} {shown(token)}", f"a number from 0 to {_LARGEST:g}")
        return value


_LARGEST = 1e18


def shown(value: object) -> str:
    """Return what was read, for a complaint: one line, and not all of it if it is long."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
