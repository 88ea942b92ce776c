"""What several kinds of imports share: options about files, the step to be planned, and how a command is cited."""

import argparse
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from milp_amp.exchange.incoming.given import Given

Options = dict[str, dict[str, Any]]
"""Options of a command, each with what ``argparse`` is told about it."""

Named = tuple[str | None, Path]
"""A file, and the name that stands before it."""

STEP: Options = {
    "--batch": {"metavar": "N", "type": int, "required": True, "help": "sequences per step"},
    "--sequence": {"metavar": "N", "type": int, "required": True, "help": "tokens of a sequence"},
}
"""What is computed in a step, where no file says it."""

GROUP_HOSTS: Options = {
    "--group-hosts": {
        "action": "store_true",
        "default": False,
        "help": "let equal hosts be one group of nodes, which is solved faster where they are hundreds; --node-names "
        "says which is which",
    },
}


def add_options(parser: argparse.ArgumentParser, options: Options) -> None:
    """Add options to a parser."""
    for option, settings in options.items():
        parser.add_argument(option, **settings)


def file(text: str) -> Path:
    """Read the place of a file."""
    return Path(text)


def typed_file(text: str) -> Named:
    """Read ``FILE`` or ``TYPE=FILE``."""
    return _named(_TYPE, text)


def placed_file(text: str) -> Named:
    """Read ``FILE`` or ``WHERE=FILE``."""
    return _named(_WHERE, text)


def _named(pattern: re.Pattern[str], text: str) -> Named:
    found = pattern.match(text)
    return (None, Path(text)) if found is None else (found.group(1), Path(text[found.end() :]))


_TYPE = re.compile(r"([A-Za-z0-9_+-]+)=")
_WHERE = re.compile(r"((?:inside|network)(?:/[A-Za-z0-9_+-]+)?)=")


def given(place: Path | None) -> Given | None:
    """Read a file that need not be given."""
    return None if place is None else Given.read(place)


def all_given(places: Sequence[Named]) -> list[tuple[str | None, Given]]:
    """Read files with names."""
    return [(name, Given.read(place)) for name, place in places]


def cited_command(options: argparse.Namespace, positional: Sequence[str], table: Options) -> str:
    """Return the command without places: the files are known by their names."""
    words = ["milp-amp", "import", options.kind, *(_spelled(getattr(options, name)) for name in positional)]
    for option, settings in table.items():
        value = getattr(options, option[2:].replace("-", "_"))
        if value in (settings.get("default"), None) or value == []:
            continue
        if settings.get("action") == "store_true":
            words.append(option)
            continue
        for each in value if settings.get("action") == "append" else [value]:
            words += [option, _spelled(each)]
    return shlex.join(words)


def _spelled(value: Any) -> str:
    if isinstance(value, Path):
        return value.name
    if isinstance(value, tuple) and isinstance(value[-1], Path):
        return f"{value[0]}={value[1].name}" if value[0] else str(value[1].name)
    return ",".join(map(str, value)) if isinstance(value, tuple) else f"{value}"
