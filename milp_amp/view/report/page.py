"""The page around everything: one file, no request to any host, and none possible by its own policy."""

from collections.abc import Iterable
from importlib.resources import files

from milp_amp.view.palette import COLOURS
from milp_amp.view.report.markup import Markup, Piece, element, joined, words

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
_SIZES = "width=device-width, initial-scale=1"


def page(title: str, content: Iterable[Piece]) -> bytes:
    """Return a whole page in UTF-8."""
    head = joined(
        (
            Markup('<meta charset="utf-8">'),
            Markup(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'),
            Markup(f'<meta name="viewport" content="{_SIZES}">'),
            Markup('<link rel="icon" href="data:,">'),
            element("title", title),
            element("style", Markup(_own("page.css") + _colours())),
        )
    )
    body = joined((*content, Markup('<div id="hint" role="status" hidden></div>'), _script()))
    text = f'<!doctype html>\n<html lang="en"><head>{words(head)}</head>\n<body>{words(body)}</body></html>\n'
    return text.encode(errors="xmlcharrefreplace")


def _own(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


def _script() -> Markup:
    return element("script", Markup(_own("page.js")))


def _colours() -> str:
    """Return a class for every kind, with a colour for light ground and one for dark."""
    light = "".join(f".{kind}{{--colour:{colour}}}" for kind, (colour, _) in COLOURS.items())
    dark = "".join(f".{kind}{{--colour:{colour}}}" for kind, (_, colour) in COLOURS.items())
    cut = [f":root{{--cut:{colour}}}" for colour in COLOURS["cut"]]
    return f"{cut[0]}{light}\n@media (prefers-color-scheme:dark){{{cut[1]}{dark}}}\n"
