"""The cluster graph: groups of nodes on a circle, switches inside, links as wide as they are fast."""

import math
from collections.abc import Iterator, Sequence

from milp_amp.judge.limiting import Limit
from milp_amp.problem.cluster import Cluster, Link
from milp_amp.units import GBps
from milp_amp.view.drawing import Figure, Line, Mark, shortened

_INNER, _CORE, _CENTRE = 0.5, 0.2, 0.05
_MOST_LINKS, _MANY_LINKS = 400, 60
_MOST_LABELS = 40
_NAME_LETTERS = 30
_THIN, _THICK, _CUT_WIDTH, _OF_MANY = 0.8, 5.0, 3.0, 0.2
"""Pixels; where links are many, lines are only this part as wide."""

Places = dict[str, tuple[float, float]]


def cluster_figure(cluster: Cluster, limit: Limit | None) -> Figure:
    """Draw groups, switches and links; those that the limiting cut crosses stand out."""
    crossed = _crossed(cluster, limit)
    places = circle(cluster)
    links, notes = _drawn(cluster.links, crossed)
    if limit is not None:
        names = ", ".join("–".join(dict.fromkeys(ends)) for ends in sorted(crossed)[:6])
        more = f" and {len(crossed) - 6} more" if len(crossed) > 6 else ""
        notes = (f"Minimum cut {limit.reason}: {limit.cut.bandwidth / GBps:.4g} GB/s over {names}{more}.", *notes)
    marks = _marks(cluster, places, crossed)
    labelled = len(marks) <= _MOST_LABELS
    return Figure(
        name="cluster",
        title="The cluster, and the cut that limits it",
        form="graph",
        across=(-1.3, 1.3),
        along=_height(places),
        lines=tuple(_lines(links, places, crossed)),
        marks=marks if labelled else tuple(_unnamed(marks)),
        legend=(
            ("host", "group of nodes"),
            *((("switch", "switch"),) if cluster.switches else ()),
            ("link", "link; the wider, the faster"),
            *((("cut", "in the limiting cut"),) if crossed else ()),
        ),
        notes=notes if labelled else (*notes, f"{len(marks)} groups and switches: point at one for its name."),
    )


def circle(cluster: Cluster) -> Places:
    """Return a place for every group, evenly on a circle, and for every switch inside, near what it is linked to."""
    places: Places = {}
    names = [group.name for group in cluster.nodes]
    for position, name in enumerate(names):
        angle = 2 * math.pi * (position + 0.5) / len(names) - math.pi / 2
        places[name] = (math.cos(angle), math.sin(angle))
    hosts, central = dict(places), 0
    for name in cluster.switches:
        x, y = _amid(name, cluster.links, hosts)
        reach = math.hypot(x, y)
        if reach > _CENTRE:
            places[name] = (_INNER * x / reach, _INNER * y / reach)
        else:  # the first in the middle, and others beside it
            places[name] = (_CORE * min(central, 1) * math.cos(2.4 * central), _CORE * math.sin(2.4 * central))
            central += 1
    return places


def _height(places: Places) -> tuple[float, float]:
    """Return the ends of the vertical axis, with room for the names below the lowest."""
    heights = [y for _, y in places.values()]
    return min(heights) - 0.15, max(heights) + 0.25


def _amid(name: str, links: Sequence[Link], hosts: Places) -> tuple[float, float]:
    """Return the mean of the places of the groups that a switch is linked to; the middle where there is none."""
    ends = {link.source if link.target == name else link.target for link in links if name in (link.source, link.target)}
    near = [hosts[end] for end in sorted(ends) if end in hosts]
    count = len(near) or 1
    return sum(x for x, _ in near) / count, sum(y for _, y in near) / count


def _crossed(cluster: Cluster, limit: Limit | None) -> set[tuple[str, ...]]:
    """Return the links of the cut by the groups and switches at their ends, and the cards by their group alone."""
    if limit is None:
        return set()
    group = {host.name: host.group.name for host in cluster.hosts}
    found: set[tuple[str, ...]] = {tuple(sorted(group.get(end, end) for end in ends)) for ends in limit.cut.links}
    return found | {(group[card],) for card in limit.cut.cards}


def _drawn(links: Sequence[Link], crossed: set[tuple[str, ...]]) -> tuple[list[Link], tuple[str, ...]]:
    """Return the links to draw: all, or those of the cut and the slowest."""
    if len(links) <= _MOST_LINKS:
        return list(links), ()
    chosen = sorted(links, key=lambda link: (_ends(link) not in crossed, link.bandwidth))[:_MOST_LINKS]
    note = f"Of {len(links):,} links, those of the cut and the slowest are drawn: {_MOST_LINKS}."
    return chosen, (note,)


def _ends(link: Link) -> tuple[str, ...]:
    return tuple(sorted((link.source, link.target)))


def _lines(links: Sequence[Link], places: Places, crossed: set[tuple[str, ...]]) -> Iterator[Line]:
    """Yield a line per link, those of the cut above the others."""
    widths = _widths([link.bandwidth for link in links])
    for link, width in sorted(zip(links, widths, strict=True), key=lambda pair: _ends(pair[0]) in crossed):
        kind, least = ("cut", _CUT_WIDTH) if _ends(link) in crossed else ("link", 0.0)
        arrow = "→" if link.one_way else "–"
        yield Line(
            points=(places[link.source], places[link.target]),
            kind=kind,
            weight=max(width, least),
            hint=shortened(f"{link.source} {arrow} {link.target}: {link.bandwidth_GBps:g} GB/s in each direction"),
        )


def _widths(bandwidths: Sequence[float]) -> list[float]:
    """Return pixels, in proportion to the logarithm of the bandwidth."""
    if not bandwidths:
        return []
    low, high = math.log(min(bandwidths)), math.log(max(bandwidths))
    reach = high - low or 1.0
    part = _OF_MANY if len(bandwidths) > _MANY_LINKS else 1.0
    return [part * (_THIN + (_THICK - _THIN) * (math.log(value) - low) / reach) for value in bandwidths]


def _marks(cluster: Cluster, places: Places, crossed: set[tuple[str, ...]]) -> tuple[Mark, ...]:
    groups = [
        Mark(
            x=places[group.name][0],
            y=places[group.name][1],
            kind="cut" if (group.name,) in crossed else "host",
            label=shortened(f"{group.name}: {group.count}×{group.devices} {group.device}", _NAME_LETTERS),
            hint=shortened(
                f"{group.name}: {group.count:,} nodes of {group.devices} {group.device}, "
                f"{group.bandwidth_GBps:g} GB/s inside"
                + ("" if group.nic_GBps is None else f", network card {group.nic_GBps:g} GB/s")
            ),
        )
        for group in cluster.nodes
    ]
    switches = [
        Mark(x=places[name][0], y=places[name][1], kind="switch", label=shortened(name, _NAME_LETTERS), hint=name)
        for name in cluster.switches
    ]
    return (*groups, *switches)


def _unnamed(marks: Sequence[Mark]) -> Iterator[Mark]:
    yield from (Mark(x=mark.x, y=mark.y, kind=mark.kind, hint=mark.hint) for mark in marks)
