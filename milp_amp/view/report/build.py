"""The whole page of some results, with as much detail as a page can carry."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from milp_amp.errors import InputError
from milp_amp.view.report import serving, training
from milp_amp.view.report.markup import Markup, element, joined
from milp_amp.view.report.page import page
from milp_amp.view.serving_figures import Carried
from milp_amp.view.training_figures import Judged

MOST_BYTES = 2_000_000
"""Of a page."""

_DETAILS = ((3_000, 600), (1_000, 200), (300, 50), (100, 10))
"""Boxes of a figure and rows of a table, from fine to coarse."""

_SIDE_BY_SIDE = "Results side by side"

Entry = tuple[str, Judged | Carried]
"""A result's file, and what the judge says about it."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """A page, and what the judge finds wrong with the results in it.

    Attributes
    ----------
    unconfirmed
        Claims that the judge does not confirm.
    violations
        Rules that plans break.
    """

    content: bytes
    unconfirmed: tuple[str, ...]
    violations: tuple[str, ...]


def build(entries: Sequence[Entry]) -> Report:
    """Return the page, as detailed as fits into ``MOST_BYTES``.

    Raises
    ------
    InputError
        If even the coarsest page is larger: the results are too many.
    PlanError
        If a plan breaks a rule without which there is nothing to draw.
    """
    content = _content(entries)
    return Report(
        content=content,
        unconfirmed=tuple(f"{where}: {words}" for where, found in entries for words in _unconfirmed(found)),
        violations=tuple(f"{where}: {words}" for where, found in entries for words in _violations(found)),
    )


def _content(entries: Sequence[Entry]) -> bytes:
    for most_boxes, most_rows in _DETAILS:
        content = page(_title(entries), _body(entries, most_boxes, most_rows))
        if len(content) < MOST_BYTES:
            return content
    raise InputError(f"{len(entries)} results make {len(content)} bytes, expected fewer, for at most {MOST_BYTES}")


def _title(entries: Sequence[Entry]) -> str:
    names = list(dict.fromkeys(found.instance.name for _, found in entries))
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _body(entries: Sequence[Entry], most_boxes: int, most_rows: int) -> Iterator[Markup]:
    for name in dict.fromkeys(found.instance.name for _, found in entries):
        of_name = [(where, found) for where, found in entries if found.instance.name == name]
        yield element("h1", name)
        yield from _training(
            [(where, found) for where, found in of_name if isinstance(found, Judged)], most_boxes, most_rows
        )
        yield from _serving([(where, found) for where, found in of_name if isinstance(found, Carried)], most_rows)


def _training(entries: Sequence[tuple[str, Judged]], most_boxes: int, most_rows: int) -> Iterator[Markup]:
    if not entries:
        return
    instance = entries[0][1].instance
    yield training.question(instance)
    yield _section("comparison", _SIDE_BY_SIDE, training.comparison(entries))
    for cost_model, prepass in {judged.result.cost_model: judged.prepass for _, judged in entries}.items():
        yield _section("bounds", f"Proved under cost model {cost_model}", training.bounds(prepass))
    for where, judged in entries:
        yield element("section", joined(training.plan(where, judged, most_boxes, most_rows)), class_="result")


def _serving(entries: Sequence[tuple[str, Carried]], most_rows: int) -> Iterator[Markup]:
    if not entries:
        return
    yield serving.question(entries[0][1].instance)
    yield _section("comparison", _SIDE_BY_SIDE, serving.comparison(entries))
    yield _section("bounds", "Proved before any search", serving.bounds(entries[0][1].instance))
    for where, carried in entries:
        yield element("section", joined(serving.plan(where, carried, most_rows)), class_="result")


def _section(name: str, heading: str, content: Markup) -> Markup:
    return element("section", element("h3", heading), content, class_=name)


def _unconfirmed(found: Judged | Carried) -> tuple[str, ...]:
    return training.unconfirmed(found) if isinstance(found, Judged) else serving.unconfirmed(found)


def _violations(found: Judged | Carried) -> tuple[str, ...]:
    return found.evaluation.violations if isinstance(found, Judged) and found.evaluation is not None else ()
