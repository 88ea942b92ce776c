"""Curves of steps side by side, drawn with matplotlib, an optional extra that is imported when it is needed."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from milp_amp.view.scatter import FORMATS, require_matplotlib

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
    """Return the picture; the same curves give the same bytes, whatever the user's settings of matplotlib are.

    Parameters
    ----------
    form
        One of ``scatter.FORMATS``.
    """
    require_matplotlib()
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    stream = io.BytesIO()
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams["svg.hashsalt"] = "milp_amp"
        figure = Figure(figsize=(5.5 * len(panels), 4.5), dpi=150, layout="constrained")
        FigureCanvasAgg(figure)
        for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            _fill(axes, panel)
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, frameon=False, loc="outside lower center", ncols=min(len(labels) or 1, 6))
        figure.savefig(stream, format=form, metadata=FORMATS[form])
    return stream.getvalue()


def _fill(axes: Any, panel: Panel) -> None:
    end = 1.1 * max((float(curve.edges[-1]) for curve in panel.curves), default=1.0)
    for number, curve in enumerate(panel.curves):
        edges, heights = [*curve.edges, end], [*curve.heights, curve.heights[-1]]
        axes.step(
            edges, heights, where="post", label=curve.label, color=f"C{number % 10}", linestyle=STYLES[number % 4]
        )
    axes.set(xscale="log", ylim=(-0.03, 1.03), title=panel.title, xlabel=panel.across, ylabel=panel.up)
