"""What planning by the nodes' own bandwidths costs: the README's table, and docs/graph.svg.

python -m benchmarks.max_flow docs/graph.svg
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from milp_amp.cost.graph import ClusterGraph, Cut
from milp_amp.problem.cluster import Cluster
from milp_amp.problem.files import read, write_atomically
from milp_amp.problem.instance import Instance
from tests.graph.rule import Planned, plan, seen_by_nodes

INSTANCES = Path(__file__).parents[1] / "instances" / "graphs"
PLACES = {
    "fat-tree": {
        "left-node.0": (40, 150),
        "left-node.1": (130, 150),
        "right-node.0": (220, 150),
        "right-node.1": (310, 150),
        "left": (85, 90),
        "right": (265, 90),
        "spine-0": (125, 25),
        "spine-1": (225, 25),
    },
    "two-sites": {
        "east.0": (40, 45),
        "east.1": (40, 135),
        "west.0": (310, 45),
        "west.1": (310, 135),
        "relay.0": (175, 145),
        "east-switch": (110, 90),
        "west-switch": (240, 90),
    },
}
"""Where the hosts and switches of each instance are drawn."""

ENDS = {"fat-tree": (0, 2), "two-sites": (0, 3)}
"""Hosts between which the minimum cut is shown."""

WIDTH, PANEL, BARS, LONGEST = 860, 190, 400, 330
MIDDLE = 180
CUT, LINE, RULE, FLOW = "#e45756", "#888888", "#9ecae9", "#4c78a8"


def text(x: float, y: float, words: str, size: int = 12, anchor: str = "start") -> str:
    """Return one line of text."""
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}">{words}</text>'


def edges(cluster: Cluster) -> Iterator[tuple[str, str, float]]:
    """Yield the links between single nodes and switches, with their GB/s."""
    names: dict[str, list[str]] = {switch: [switch] for switch in cluster.switches}
    for host in cluster.hosts:
        names.setdefault(host.group.name, []).append(host.name)
    for link in cluster.links:
        yield from ((v, w, link.bandwidth_GBps) for v in names[link.source] for w in names[link.target])


def draw_graph(instance: Instance, cut: Cut, top: float) -> Iterator[str]:
    """Yield links, then nodes over them; what the minimum cut crosses in red."""
    places = PLACES[instance.name]
    crossed = {frozenset(link) for link in cut.links}
    for v, w, speed in edges(instance.cluster):
        (x1, y1), (x2, y2) = places[v], places[w]
        colour, wide = (CUT, 3) if frozenset((v, w)) in crossed else (LINE, 1.5)
        yield f'<path d="M{x1} {y1 + top} L{x2} {y2 + top}" stroke="{colour}" stroke-width="{wide}"/>'
        x, y = 0.62 * x1 + 0.38 * x2, 0.62 * y1 + 0.38 * y2 + top  # off the middle, where links cross
        yield f'<rect x="{x - 13:.1f}" y="{y - 6:.1f}" width="26" height="12" fill="#ffffff"/>'
        yield text(x, y + 4, f"{speed:g}", 10, "middle")
    cards = {host.name: host.group.nic_GBps for host in instance.cluster.hosts if host.group.nic_GBps}
    for name, (x, y) in places.items():
        if name in instance.cluster.switches:
            yield f'<rect x="{x - 7}" y="{y + top - 7}" width="14" height="14" fill="#444444"/>'
            yield text(x - 11 if x < MIDDLE else x + 11, y + top + 4, name, 10, "end" if x < MIDDLE else "start")
        else:
            colour = CUT if name in cut.cards else "#ffffff"
            yield f'<circle cx="{x}" cy="{y + top}" r="9" fill="{colour}" stroke="#444444"/>'
            card = f", card {cards[name]:g}" if name in cards else ""
            yield text(x, y + top + 22, name + card, 10, "middle")


def draw_bars(rows: list[tuple[str, float, str]], longest: float, top: float) -> Iterator[str]:
    """Yield one bar for every label, seconds and colour."""
    for k, (label, seconds, colour) in enumerate(rows):
        y = top + 20 + 42 * k
        yield text(BARS, y + 10, label)
        size = f'width="{LONGEST * seconds / longest:.1f}" height="16"'
        yield f'<rect x="{BARS}" y="{y + 15:.1f}" {size} fill="{colour}"/>'
        yield text(BARS + LONGEST * seconds / longest + 5, y + 28, f"{seconds:.3f} s")


def draw(asked: list[tuple[Instance, Planned, Planned]]) -> str:
    """Return the whole picture: a panel per instance."""
    body: list[str] = []
    longest = max(wrong.seconds for _, wrong, _ in asked)
    for k, (instance, wrong, right) in enumerate(asked):
        top = 10.0 + PANEL * k
        hosts = instance.cluster.hosts
        source, target = (hosts[end] for end in ENDS[instance.name])
        body += draw_graph(instance, ClusterGraph(instance.cluster).cut(source, target), top)
        rows = [
            ("the slower node of every pair: what its best plan promises", wrong.promised, RULE),
            ("what that plan takes", wrong.seconds, CUT),
            ("max flow: what its best plan promises and takes", right.seconds, FLOW),
        ]
        body += draw_bars(rows, longest, top)
    body.append(text(BARS, PANEL * len(asked) + 4, "links in GB/s; red: the minimum cut between the two sides", 11))
    size = f'width="{WIDTH}" height="{PANEL * len(asked) + 20}" viewBox="0 0 {WIDTH} {PANEL * len(asked) + 20}"'
    frame = f'<rect width="100%" height="100%" fill="white"/><g font-family="sans-serif">{chr(10).join(body)}</g>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{frame}</svg>\n'


def main() -> None:
    """Plan twice on each instance, print a row, and draw."""
    asked = []
    print("| instance | by the slower node: promised | taken | by max flow | lost |")
    print("|---|---|---|---|---|")
    for name in PLACES:
        instance = read(INSTANCES / f"{name}.json")
        wrong, right = plan(seen_by_nodes(instance), instance), plan(instance, instance)
        lost = wrong.seconds / right.seconds - 1
        print(f"| {name} | {wrong.promised:.3f} s | {wrong.seconds:.3f} s | {right.seconds:.3f} s | {lost:.0%} |")
        asked.append((instance, wrong, right))
    write_atomically(sys.argv[1], draw(asked).encode())


if __name__ == "__main__":
    main()
