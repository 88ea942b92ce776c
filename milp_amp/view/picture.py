"""Figures as one picture."""

from collections.abc import Sequence
from typing import Any

from milp_amp.view.canvas import drawn
from milp_amp.view.drawing import Figure
from milp_amp.view.palette import COLOURS

_WIDTH, _CURVES_HEIGHT, _INCHES_PER_UNIT = 10.0, 4.0, 2.6
_ROW_HEIGHT, _LEAST_ROWS_HEIGHT = 0.32, 1.6
_LETTERS_PER_LINE = 120


def draw_figures(figures: Sequence[Figure], form: str, title: str) -> bytes:
    """Return figures below each other.

    Parameters
    ----------
    form
        One of ``canvas.FORMATS``.
    """
    heights = [_height(figure) for figure in figures]

    def fill(canvas: Any) -> None:
        canvas.suptitle(title)
        panels = canvas.subplots(len(figures), 1, squeeze=False, height_ratios=heights)
        for axes, figure in zip(panels[:, 0], figures, strict=True):
            _fill(axes, figure)

    return drawn(fill, form, (_WIDTH, sum(heights) + 0.5), dpi=120)


def _height(figure: Figure) -> float:
    """Return inches."""
    if figure.form == "rows":
        return max(_LEAST_ROWS_HEIGHT, _ROW_HEIGHT * len(figure.rungs)) + 1.4
    if figure.form == "graph":
        return _INCHES_PER_UNIT * (figure.along[1] - figure.along[0]) + 0.8
    return _CURVES_HEIGHT


def _fill(axes: Any, figure: Figure) -> None:
    _boxes(axes, figure)
    for line in figure.lines:
        xs, ys = zip(*line.points, strict=True)
        axes.plot(xs, ys, color=COLOURS[line.kind][0], linewidth=line.weight, zorder=2, solid_capstyle="butt")
    for mark in figure.marks:
        graph = figure.form == "graph"
        axes.plot([mark.x], [mark.y], marker="o", markersize=9 if graph else 3, color=COLOURS[mark.kind][0], zorder=3)
        if mark.label:
            axes.annotate(
                mark.label, (mark.x, mark.y), xytext=(0, -9), textcoords="offset points", ha="center", va="top", size=8
            )
    axes.set_title(figure.title, size=10, loc="left")
    down = figure.form != "curves"
    axes.set(xlim=figure.across, ylim=figure.along[::-1] if down else figure.along, xlabel=_below(figure))
    if figure.form == "graph":
        axes.spines[:].set_visible(False)
    for axis, places in ((axes.xaxis, figure.ticks), (axes.yaxis, figure.rungs)):
        axis.set_ticks([place for place, _ in places], [words for _, words in places], size=8)
    _legend(axes, figure)


def _boxes(axes: Any, figure: Figure) -> None:
    from matplotlib.patches import Rectangle

    for box in figure.boxes:
        colour = COLOURS[box.kind][0]
        corner = box.x, box.y
        patch = Rectangle(
            corner, box.width, box.height, facecolor=colour, alpha=box.strength, edgecolor="white", lw=0.3
        )
        patch.set_linewidth(0.3)
        axes.add_patch(patch)
        if box.label:
            middle = box.x + box.width / 2, box.y + box.height / 2
            axes.text(*middle, box.label, ha="center", va="center", size=7, color="white", clip_on=True)


def _below(figure: Figure) -> str:
    """Return the words below a figure: its axis, and its notes in lines that fit."""
    import textwrap

    notes = textwrap.wrap(" ".join(figure.notes), _LETTERS_PER_LINE)
    return "\n".join([figure.axis, *notes] if figure.axis else notes)


def _legend(axes: Any, figure: Figure) -> None:
    from matplotlib.patches import Patch

    if figure.legend:
        patches = [Patch(color=COLOURS[kind][0], label=words) for kind, words in figure.legend]
        place = {"loc": "lower right", "bbox_to_anchor": (1.0, 1.0), "ncols": len(patches)}
        axes.legend(handles=patches, frameon=False, fontsize=8, borderaxespad=0.1, **place)
