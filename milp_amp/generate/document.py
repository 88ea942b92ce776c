"""Small files: without what is so anyway, and a list of numbers on one line."""

import re
from typing import Any

import msgspec

from milp_amp.problem.instance import Instance

_INNERMOST = re.compile(rb"[\[{][^\[\]{}\"]*(?:\"[^\"]*\"[^\[\]{}\"]*)*[\]}]")
"""A list or object that holds no other; what stands in quotes may be anything."""


def document(instance: Instance) -> bytes:
    """Return an instance as JSON; reading it gives the instance back."""
    text = msgspec.json.format(msgspec.json.encode(_without_defaults(instance)), indent=1)
    return _INNERMOST.sub(lambda found: re.sub(rb"\n *", b" ", found.group()), text) + b"\n"


def _without_defaults(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        fields = ((field, getattr(value, field.name)) for field in msgspec.structs.fields(value))
        return {field.name: _without_defaults(found) for field, found in fields if not _is_default(field, found)}
    if isinstance(value, dict):
        return {key: _without_defaults(inner) for key, inner in value.items()}
    if isinstance(value, tuple):
        return [_without_defaults(inner) for inner in value]
    return value


def _is_default(field: msgspec.structs.FieldInfo, value: Any) -> bool:
    if field.default_factory is not msgspec.NODEFAULT:
        return bool(value == field.default_factory())
    return field.default is not msgspec.NODEFAULT and bool(value == field.default)
