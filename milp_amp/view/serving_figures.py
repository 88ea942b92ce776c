"""The figures of a result about serving: layers by machine, the flow with its limiting cut, the search."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from milp_amp.judge.flow import Flow, flow_of
from milp_amp.plan.placement import Placement, ServingResult
from milp_amp.problem.cluster import Node
from milp_amp.problem.serving import ServingInstance
from milp_amp.view.drawing import MOST_ROWS, Box, Figure, Line, shortened, whole_numbers
from milp_amp.view.palette import of_type
from milp_amp.view.progress import progress_figure

SERVING_FIGURES = ("layers", "progress", "cluster")

_NAME_LETTERS = 22
_THICKEST, _THINNEST = 7.0, 0.8
_MOST_ARCS = 400
_GAP = 0.012
_STUB = 0.04
"""Parts of all layers: what a machine is drawn shorter by at either end, and how far away the coordinator is."""

Interval = tuple[int, int]


@dataclass(frozen=True)
class Spot:
    """Equal machines, or a single one, that hold the same layers."""

    name: str
    kind: str
    layers: Interval


Arc = tuple[Spot | None, Spot | None]
"""Two ends of a flow; ``None`` is the coordinator."""


@dataclass(frozen=True, eq=False)
class Carried:
    """A result beside the flow that the judge finds for its placement."""

    instance: ServingInstance
    result: ServingResult

    @cached_property
    def flow(self) -> Flow | None:
        """What the placement carries; ``None`` where there is none.

        Raises
        ------
        PlanError
            If the placement breaks a rule.
        """
        placement = self.result.placement
        return None if placement is None else flow_of(self.instance, placement)

    @cached_property
    def spots(self) -> dict[str, Spot]:
        """Where a machine in use is drawn: by itself, or where they are many with those of its group and layers."""
        placement = self.result.placement or Placement(layers={})
        held = [machine for machine in self.instance.machines if machine.name in placement.layers]
        single = len(held) <= MOST_ROWS
        return {
            machine.name: Spot(
                machine.name if single else machine.group.name, machine.group.device, placement.layers[machine.name]
            )
            for machine in sorted(held, key=lambda machine: _rank(machine, placement))
        }


def _rank(machine: Node, placement: Placement) -> tuple[int, int, int]:
    return (*placement.layers[machine.name], machine.index)


def serving_figures(carried: Carried, names: tuple[str, ...]) -> Iterator[Figure]:
    """Yield those of the named figures that there is something to draw in."""
    result = carried.result
    for name in names:
        if name == "progress":
            figure = progress_figure(result.trace, result.runtime_s, lambda value: f"{value:,.5g}", "tokens per second")
            if figure is not None:
                yield figure
        elif carried.flow is not None and carried.spots:
            if name == "layers":
                yield _layers(carried)
            elif name == "cluster":
                yield _flow(carried, carried.flow)


def _layers(carried: Carried) -> Figure:
    """Draw the layers of every machine, in the order in which a token passes them."""
    instance, rows = carried.instance, list(dict.fromkeys(carried.spots.values()))
    shown, kinds = rows[:MOST_ROWS], _kinds(instance)
    together = {spot: [name for name, at in carried.spots.items() if at == spot] for spot in shown}
    used = [kind for kind in kinds if any(spot.kind == kind for spot in shown)]
    layers = instance.model.num_layers
    return Figure(
        name="layers",
        title="Layers by machine",
        form="rows",
        across=(0.0, float(layers)),
        along=(-0.5, len(shown) - 0.5),
        axis="layers",
        ticks=whole_numbers(layers),
        rungs=tuple((float(row), _name(spot, len(together[spot]))) for row, spot in enumerate(shown)),
        boxes=tuple(_box(row, spot, together[spot], kinds[spot.kind]) for row, spot in enumerate(shown)),
        legend=tuple((kinds[kind], shortened(kind, _NAME_LETTERS)) for kind in used),
        notes=_notes(carried, len(rows) - len(shown)),
    )


def _kinds(instance: ServingInstance) -> dict[str, str]:
    return {name: of_type(number) for number, name in enumerate(instance.cluster.device_types)}


def _name(spot: Spot, count: int) -> str:
    return shortened(spot.name if count == 1 else f"{count}× {spot.name}", _NAME_LETTERS)


def _notes(carried: Carried, more: int) -> tuple[str, ...]:
    single = len(carried.spots) <= MOST_ROWS
    gathered = "" if single else f"{len(carried.spots):,} machines are drawn by their group and layers."
    return tuple(note for note in (gathered, f"{more} more rows are not drawn." if more > 0 else "") if note)


def _box(row: int, spot: Spot, machines: list[str], kind: str) -> Box:
    start, stop = spot.layers
    return Box(
        x=float(start),
        y=row - 0.36,
        width=float(stop - start),
        height=0.72,
        kind=kind,
        label=str(stop - start),
        hint=shortened(f"layers {start}-{stop - 1} on {', '.join(machines[:12])} ({spot.kind})"),
    )


def _flow(carried: Carried, flow: Flow) -> Figure:
    """Draw what every machine hands on to which; what the cut crosses stands out."""
    base, layers = _layers(carried), carried.instance.model.num_layers
    spots = list(dict.fromkeys(carried.spots.values()))[:MOST_ROWS]
    place = {spot: row for row, spot in enumerate(spots)}
    arcs = _together(flow.arcs, carried.spots)
    drawn = {ends: tokens for ends, tokens in arcs.items() if all(end is None or end in place for end in ends)}
    shown = dict(sorted(drawn.items(), key=lambda arc: -arc[1])[:_MOST_ARCS])
    notes = [f"Max flow {flow.tokens_per_s:,.6g} tokens/s, limited by {_cut_words(flow)}."]
    if len(shown) < len(arcs):
        notes.append(f"Of {len(arcs):,} links with flow, {len(shown)} are drawn.")
    limiting = {carried.spots[name] for name in flow.cut if name in carried.spots}
    return replace(
        base,
        name="cluster",
        title="Tokens per second from machine to machine",
        across=(-_STUB * layers, (1 + _STUB) * layers),
        boxes=tuple(
            _between(replace(box, kind="cut" if spot in limiting else "host", label=""), *_ends(spot, layers))
            for spot, box in zip(spots, base.boxes, strict=True)
        ),
        lines=tuple(_lines(shown, place, _cut_links(carried, flow), layers)),
        legend=(("host", "machine"), ("flow", "flow; the wider, the more"), ("cut", "in the limiting cut")),
        notes=(*notes, *base.notes),
    )


def _between(box: Box, begin: float, end: float) -> Box:
    return replace(box, x=begin, width=end - begin)


def _ends(spot: Spot, layers: int) -> tuple[float, float]:
    """Return where a machine begins and ends in the drawing, so that what enters and leaves it can be seen."""
    start, stop = spot.layers
    gap = min(_GAP * layers, 0.3 * (stop - start))
    return start + gap, stop - gap


def _together(arcs: Mapping[tuple[str, str], float], spots: Mapping[str, Spot]) -> dict[Arc, float]:
    """Return the flow between places: that of all machines that stand there; ``None`` is the coordinator."""
    found: dict[Arc, float] = {}
    for (source, target), tokens in arcs.items():
        ends = spots.get(source), spots.get(target)
        found[ends] = found.get(ends, 0.0) + tokens
    return found


def _cut_links(carried: Carried, flow: Flow) -> set[Arc]:
    """Return the places between which the cut crosses links, whose names are two machines and an arrow."""
    ends = [words.split(" → ") for words in flow.cut if " → " in words]
    return {(carried.spots.get(source), carried.spots.get(target)) for source, target in ends}


def _cut_words(flow: Flow) -> str:
    more = f" and {len(flow.cut) - 6} more" if len(flow.cut) > 6 else ""
    return (", ".join(flow.cut[:6]) + more) or "layers that nobody holds"


def _lines(arcs: Mapping[Arc, float], place: Mapping[Spot, int], cut: set[Arc], layers: int) -> Iterator[Line]:
    """Yield a line from the end of every machine to the beginning of those it hands on to, those of the cut last."""
    most = max(arcs.values(), default=1.0)
    for (source, target), tokens in sorted(arcs.items(), key=lambda arc: arc[0] in cut):
        first = None if source is None else (_ends(source, layers)[1], float(place[source]))
        last = None if target is None else (_ends(target, layers)[0], float(place[target]))
        yield Line(
            points=(
                first or (-_STUB * layers, last[1] if last else 0.0),
                last or ((1 + _STUB) * layers, first[1] if first else 0.0),
            ),
            kind="cut" if (source, target) in cut else "flow",
            weight=_THINNEST + (_THICKEST - _THINNEST) * tokens / most,
            hint=shortened(f"{_words(source)} → {_words(target)}: {tokens:,.5g} tokens/s"),
        )


def _words(spot: Spot | None) -> str:
    return "coordinator" if spot is None else f"{spot.name} (layers {spot.layers[0]}-{spot.layers[1] - 1})"
