"""Restrictions taken apart, and each part spelled as ``problem.restriction_text`` reads it."""

from collections.abc import Iterator
from functools import singledispatch
from typing import Any

import msgspec

from milp_amp.problem.restrictions import FixedStage, LayerPin, NodePin, PartialPlan, Range, Restrictions

_SIGNS = {"at_most": "<=", "at_least": ">=", "exactly": "=", "one_of": "="}


def atoms(restrictions: Restrictions) -> Iterator[Restrictions]:
    """Yield the parts that one can keep or drop by themselves; merged they are the whole.

    A part is one limit of a count, one flag, one pin, one idle name, or one piece of the partial plan.
    """
    for field, value in given(restrictions):
        for part in _parts(value):
            yield Restrictions(**{field: part})


def spelled(restrictions: Restrictions) -> tuple[str, ...]:
    """Return texts which ``Restrictions.parse`` reads as restrictions that mean the same.

    The parsed ones are equal to these once both are merged (a list of values is sorted, the numbers of a partial
    plan are limits), but for a list of one value, which is read as that value. A list of none, which the grammar has no
    word for, is two values at once.
    """
    return tuple(text for atom in atoms(restrictions) for text in _texts(atom))


def given(struct: Any) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a structure that say anything, whatever fields it has."""
    for field in msgspec.structs.fields(struct):
        value = getattr(struct, field.name)
        if value != field.default:
            yield field.name, value


@singledispatch
def _parts(value: Any) -> Iterator[Any]:
    yield value


@_parts.register
def _(value: Range) -> Iterator[Any]:
    yield from (Range(**{limit: number}) for limit, number in given(value))


@_parts.register
def _(value: tuple) -> Iterator[Any]:  # type: ignore[type-arg]  # a dispatch asks for the bare class
    yield from ((entry,) for entry in value)


@_parts.register
def _(value: PartialPlan) -> Iterator[Any]:
    for field, said in given(value):
        yield from (PartialPlan(**{field: part}) for part in _parts(said))


def _texts(atom: Restrictions) -> Iterator[str]:
    """Yield the text of an atom: one, but for a list without values."""
    ((field, value),) = given(atom)
    if isinstance(value, PartialPlan):
        ((field, value),) = given(value)
    if isinstance(value, Range):
        yield from _limit(field, value)
    elif isinstance(value, tuple):
        yield _entry(value[0])
    elif isinstance(value, bool):
        yield field
    else:
        yield f"{field}={value}"


def _limit(field: str, value: Range) -> Iterator[str]:
    ((limit, number),) = given(value)
    if limit != "one_of":
        yield f"{field}{_SIGNS[limit]}{number}"
    elif number:
        yield f"{field}={','.join(map(str, number))}"
    else:
        yield from (f"{field}=1", f"{field}=2")


@singledispatch
def _entry(value: Any) -> str:
    raise TypeError(f"{value!r}, expected a pin, a name or a fixed stage")


@_entry.register
def _(value: str) -> str:
    return f"idle {value}"


@_entry.register
def _(value: LayerPin) -> str:
    one = value.layers[1] - value.layers[0] == 1
    return f"layer{'' if one else 's'} {_interval(value.layers)} in stage {value.stage}"


@_entry.register
def _(value: NodePin) -> str:
    return f"nodes {','.join(value.nodes)} in stage {value.stage}"


@_entry.register
def _(value: FixedStage) -> str:
    place = "" if value.nodes is None else f" on {','.join(value.nodes)}"
    return f"stage {_interval(value.layers)}{place}"


def _interval(layers: tuple[int, int]) -> str:
    """Both ends included, as the grammar has them."""
    first, last = layers[0], layers[1] - 1
    return str(first) if first == last else f"{first}-{last}"
