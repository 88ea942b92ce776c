"""Numbers with their units, and device lists in few letters."""

import re
from collections.abc import Iterable

_ADDRESS = re.compile(r"(?P<node>.*)/(?P<number>\d+)")


def seconds(value: float | None) -> str:
    """Return seconds in the unit that fits: ``1.234 s``, ``56.7 ms``, ``8.9 µs``."""
    if value is None:
        return "-"
    if value >= 1 or value == 0:
        return f"{value:.4g} s" if value < 1e4 else f"{value:.0f} s"
    return f"{value * 1e3:.4g} ms" if value >= 1e-3 else f"{value * 1e6:.4g} µs"


def money(value: float) -> str:
    """Return a price: ``$0.2773``."""
    return f"${value:.4g}"


def percent(fraction: float | None) -> str:
    """Return a fraction as a percentage; what rounds to nothing but is not is said to be below."""
    if fraction is None:
        return "-"
    return "< 0.001 %" if 0 < fraction < 1e-5 else f"{100 * fraction:.3g} %"


def devices(addresses: Iterable[str]) -> str:
    """Return device addresses with consecutive numbers joined: ``p3.0/0-3 p3.1/0``."""
    runs: list[tuple[str, int, int]] = []
    others: list[str] = []
    for address in addresses:
        match = _ADDRESS.fullmatch(address)
        if match is None:
            others.append(address)
            continue
        node, number = match["node"], int(match["number"])
        if runs and runs[-1][0] == node and runs[-1][2] == number - 1:
            runs[-1] = (node, runs[-1][1], number)
        else:
            runs.append((node, number, number))
    return " ".join([*(_run(*run) for run in runs), *others])


def _run(node: str, first: int, last: int) -> str:
    return f"{node}/{first}" if first == last else f"{node}/{first}-{last}"
