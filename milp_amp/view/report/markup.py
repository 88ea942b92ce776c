"""HTML from Python: whatever comes from a file passes ``html.escape`` here, and nothing else makes text."""

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

_FEW_ROWS = 40


@dataclass(frozen=True)
class Markup:
    """Text that is HTML already."""

    text: str


Piece = str | Markup
"""Words, to be escaped, or markup."""


def words(piece: Piece) -> str:
    """Return markup as it stands, and anything else escaped."""
    return piece.text if isinstance(piece, Markup) else html.escape(piece, quote=True)


def element(tag: str, *content: Piece, **attributes: object) -> Markup:
    """Return an element; an attribute's underscores are hyphens, a final one is dropped (``class_``)."""
    return Markup(f"<{tag}{_attributes(attributes)}>{''.join(map(words, content))}</{tag}>")


def empty(tag: str, **attributes: object) -> Markup:
    """Return an element of SVG that holds nothing."""
    return Markup(f"<{tag}{_attributes(attributes)}/>")


def joined(pieces: Iterable[Piece]) -> Markup:
    """Return pieces one after the other."""
    return Markup("".join(map(words, pieces)))


def _attributes(attributes: dict[str, object]) -> str:
    given = ((name.rstrip("_").replace("_", "-"), value) for name, value in attributes.items() if value is not None)
    return "".join(f' {name}="{html.escape(str(value), quote=True)}"' for name, value in given)


def table(head: Sequence[Piece], rows: Iterable[Sequence[Piece]], right: Sequence[int] = ()) -> Markup:
    """Return a table that scrolls by itself where it is wider than the page."""
    style = dict.fromkeys(right, "number")
    cells = [element("th", cell, scope="col", class_=style.get(column)) for column, cell in enumerate(head)]
    lines = [
        element("tr", *(element("td", cell, class_=style.get(column)) for column, cell in enumerate(row)))
        for row in rows
    ]
    inner = element("table", element("thead", element("tr", *cells)), element("tbody", *lines))
    return element("div", inner, class_="scroll", tabindex=0)


def _line(row: Sequence[Piece], style: Mapping[int, str]) -> Markup:
    return element("tr", *(element("td", cell, class_=style.get(column)) for column, cell in enumerate(row)))


def folded(heading: str, rows: int, *content: Piece) -> Markup:
    """Return a table under a heading that opens it, open already where it has few rows."""
    return element("details", element("summary", heading), *content, open_="" if rows <= _FEW_ROWS else None)


def pairs(entries: Iterable[tuple[Piece, Piece]]) -> Markup:
    """Return names and what is said of them."""
    return element("dl", *(joined((element("dt", name), element("dd", value))) for name, value in entries))
