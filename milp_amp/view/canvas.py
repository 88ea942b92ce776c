"""Pictures by matplotlib, an optional extra that is imported when it is needed."""

import io
from collections.abc import Callable
from typing import Any

from milp_amp.errors import InputError

FORMATS = {
    "svg": {"Date": None},
    "png": {},
    "pdf": {"CreationDate": None},
}
"""Formats, and what is left out of each so that the same picture is the same bytes."""

_PLAIN = {"svg.hashsalt": "milp_amp", "text.parse_math": False}
"""Names are drawn as they stand: a dollar in one is a dollar."""


def require_matplotlib() -> None:
    """Refuse to draw, before any work is done for it, where matplotlib is missing.

    Raises
    ------
    InputError
        If it cannot be imported.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        raise InputError("matplotlib is not installed, expected pip install 'milp-amp[plot]'") from None


def drawn(fill: Callable[[Any], None], form: str, inches: tuple[float, float], dpi: int = 150) -> bytes:
    """Return a picture; the same one is the same bytes, whatever the user's settings of matplotlib are.

    Parameters
    ----------
    fill
        Called with the empty figure.
    form
        One of ``FORMATS``.
    inches
        Width and height.
    """
    require_matplotlib()
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    stream = io.BytesIO()
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_PLAIN)
        figure = Figure(figsize=inches, dpi=dpi, layout="constrained")
        FigureCanvasAgg(figure)
        fill(figure)
        figure.savefig(stream, format=form, metadata=FORMATS[form])
    return stream.getvalue()
