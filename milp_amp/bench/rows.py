"""Tables of the library as CSV: a line per row, a column per field; what is absent is empty."""

import csv
import io
import os
from collections.abc import Iterable
from typing import TypeVar

import msgspec

from milp_amp.errors import InputError
from milp_amp.problem.files import read_bytes

Row = TypeVar("Row", bound=msgspec.Struct)


def read_rows(path: str | os.PathLike[str], kind: type[Row]) -> tuple[Row, ...]:
    """Read a table whose columns are the fields of ``kind``.

    Raises
    ------
    InputError
        If a column is missing or unknown, or a value malformed; the message names the line.
    """
    expected = ",".join(kind.__struct_fields__)
    reader = csv.DictReader(io.StringIO(_text(path)), strict=True)
    rows = []
    try:
        if (found := ",".join(reader.fieldnames or ())) != expected:
            raise InputError(f"{path}: columns {found!r}, expected {expected!r}")
        for record in reader:
            if None in record or None in record.values():
                raise ValueError(f"expected {len(kind.__struct_fields__)} values")
            rows.append(msgspec.convert({key: text for key, text in record.items() if text}, kind, strict=False))
    except (csv.Error, ValueError) as failure:
        raise InputError(f"{path}: line {reader.reader.line_num}: {failure}") from None
    return tuple(rows)


def _text(path: str | os.PathLike[str]) -> str:
    try:
        return read_bytes(path, InputError).decode()
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8, expected CSV in UTF-8") from None


def to_csv(rows: Iterable[Row], kind: type[Row]) -> bytes:
    """Return a table that ``read_rows`` reads as the same rows; floats have all their digits."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, kind.__struct_fields__, lineterminator="\n")
    writer.writeheader()
    writer.writerows(msgspec.to_builtins(row) for row in rows)
    return stream.getvalue().encode()
