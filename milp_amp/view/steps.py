"""Curves of steps side by side, drawn with matplotlib, an optional extra that is imported when it is needed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from milp_amp.view.canvas import drawn

STYLES = ("-", "--", "-.", ":")
"""Curves that lie on each other differ in these, and ten colours."""


class Curve(Protocol):
    """``heights[i]`` holds from ``edges[i]`` on."""

    @property
    def label(self) -> str:
        """What the legend says."""

    @property
    def edges(self) -> Any:
        """Where steps are."""

    @property
    def heights(self) -> Any:
        """From there on."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One pair of axes: what stands above, below and beside it, and its curves."""

    title: str
    across: str
    up: str
    curves: Sequence[Curve]


def draw_steps(panels: Sequence[Panel], form: str) -> bytes:
    """Return the picture.

    Parameters
    ----------
    form
        One of ``canvas.FORMATS``.
    """
    return drawn(lambda figure: _panels(figure, panels), form, (5.5 * len(panels), 4.5))


def _panels(figure: Any, panels: Sequence[Panel]) -> None:
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        _fill(axes, panel)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, loc="outside lower center", ncols=min(len(labels) or 1, 6))


def _fill(axes: Any, panel: Panel) -> None:
    end = 1.1 * max((float(curve.edges[-1]) for curve in panel.curves), default=1.0)
    for number, curve in enumerate(panel.curves):
        edges, heights = [*curve.edges, end], [*curve.heights, curve.heights[-1]]
        axes.step(
            edges, heights, where="post", label=curve.label, color=f"C{number % 10}", linestyle=STYLES[number % 4]
        )
    axes.set(xscale="log", ylim=(-0.03, 1.03), title=panel.title, xlabel=panel.across, ylabel=panel.up)
