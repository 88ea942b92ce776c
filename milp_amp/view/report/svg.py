"""A figure as SVG inside the page: colours are classes, what is shown on pointing is ``data-hint``."""

from collections.abc import Iterator

from milp_amp.view.drawing import Figure
from milp_amp.view.report.markup import Markup, element, empty

_WIDTH = 960
_LEFT, _RIGHT, _TOP, _BOTTOM = 150, 16, 8, 44
_ROW, _CURVES, _UNIT = 26, 300, 200
"""Pixels: a row, the height of curves, and one unit of a graph."""

_LETTER = 6.2
_NARROW_BOX = 0.05


class _Paper:
    """Where a figure's positions are on its paper, in pixels."""

    def __init__(self, figure: Figure) -> None:
        graph = figure.form == "graph"
        self.left, self.bottom = (10, 10) if graph else (_LEFT, _BOTTOM)
        self.inner = _WIDTH - self.left - (10 if graph else _RIGHT)
        reach = figure.along[1] - figure.along[0]
        self.tall = {"rows": _ROW * reach, "curves": _CURVES, "graph": _UNIT * reach}[figure.form]
        self._across, self._along, self._up = figure.across, figure.along, figure.form == "curves"

    @property
    def height(self) -> float:
        return _TOP + self.tall + self.bottom

    def wide(self, length: float) -> float:
        return self.inner * length / ((self._across[1] - self._across[0]) or 1.0)

    def high(self, length: float) -> float:
        return self.tall * length / ((self._along[1] - self._along[0]) or 1.0)

    def x(self, place: float) -> float:
        return self.left + self.wide(place - self._across[0])

    def y(self, place: float) -> float:
        down = self.high(place - self._along[0])
        return _TOP + (self.tall - down if self._up else down)


def figure_markup(figure: Figure) -> Markup:
    """Return a figure with its heading, legend, notes, and the buttons that enlarge it."""
    paper = _Paper(figure)
    drawing = element(
        "svg",
        *_axes(figure, paper),
        *_boxes(figure, paper),
        *_lines(figure, paper),
        *_marks(figure, paper),
        viewBox=f"0 0 {_WIDTH} {_pixels(paper.height)}",
        role="img",
        aria_label=figure.title,
        class_=figure.form,
    )
    return element(
        "figure",
        element("figcaption", element("h3", figure.title), _legend(figure), _buttons()),
        element("div", drawing, class_="scroll canvas", tabindex=0),
        *(element("p", note, class_="note") for note in figure.notes),
        class_=f"figure {figure.name}",
    )


def _pixels(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _legend(figure: Figure) -> Markup:
    entries = (element("li", element("span", class_=f"swatch {kind}"), words) for kind, words in figure.legend)
    return element("ul", *entries, class_="legend")


def _buttons() -> Markup:
    names = (("in", "+", "enlarge"), ("out", "−", "make smaller"), ("whole", "whole", "show all of it"))
    buttons = (
        element("button", sign, type="button", data_zoom=what, aria_label=meaning) for what, sign, meaning in names
    )
    return element("div", *buttons, class_="zoom")


def _axes(figure: Figure, paper: _Paper) -> Iterator[Markup]:
    if figure.form == "graph":
        return
    bottom = _TOP + paper.tall
    for place, label in figure.ticks:
        x = _pixels(paper.x(place))
        yield empty("line", x1=x, x2=x, y1=_TOP, y2=_pixels(bottom), class_="grid")
        yield element("text", label, x=x, y=_pixels(bottom + 16), text_anchor="middle")
    for place, label in figure.rungs:
        y = _pixels(paper.y(place))
        if figure.form == "curves":
            yield empty("line", x1=paper.left, x2=paper.left + paper.inner, y1=y, y2=y, class_="grid")
        yield element("text", label, x=paper.left - 8, y=y, text_anchor="end", dominant_baseline="central")
    yield element("text", figure.axis, x=paper.left + paper.inner / 2, y=_pixels(bottom + 36), text_anchor="middle")


def _boxes(figure: Figure, paper: _Paper) -> Iterator[Markup]:
    for box in figure.boxes:
        x, y, width, height = paper.x(box.x), paper.y(box.y), paper.wide(box.width), paper.high(box.height)
        yield empty(
            "rect",
            x=_pixels(x),
            y=_pixels(y),
            width=_pixels(max(width, _NARROW_BOX)),
            height=_pixels(height),
            class_=box.kind,
            opacity=None if box.strength == 1 else f"{box.strength:.2f}",
            data_hint=box.hint or None,
        )
        if box.label and width >= _LETTER * len(box.label):
            middle = {"x": _pixels(x + width / 2), "y": _pixels(y + height / 2)}
            yield element("text", box.label, **middle, class_="inside")


def _lines(figure: Figure, paper: _Paper) -> Iterator[Markup]:
    for line in figure.lines:
        yield empty(
            "polyline",
            points=" ".join(f"{_pixels(paper.x(x))},{_pixels(paper.y(y))}" for x, y in line.points),
            class_=line.kind,
            stroke_width=f"{line.weight:.1f}",
            data_hint=line.hint or None,
        )


def _marks(figure: Figure, paper: _Paper) -> Iterator[Markup]:
    radius = 8 if figure.form == "graph" else 3.5
    for mark in figure.marks:
        x, y = _pixels(paper.x(mark.x)), paper.y(mark.y)
        yield empty("circle", cx=x, cy=_pixels(y), r=radius, class_=mark.kind, data_hint=mark.hint or None)
        if mark.label:
            yield element("text", mark.label, x=x, y=_pixels(y + 22), text_anchor="middle")
