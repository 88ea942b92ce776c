"""Which node runs which layers: nodes, or groups of them, against the model's layers."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from milp_amp.plan.strategy import Strategy
from milp_amp.problem.cluster import Cluster, Node
from milp_amp.problem.instance import Instance
from milp_amp.view.drawing import MOST_ROWS, Box, Figure, gathered, shortened, span, whole_numbers
from milp_amp.view.palette import of_type
from milp_amp.view.units_text import devices

_NAME_LETTERS = 22
_LABELLED_PART = 1 / 30
_ADDRESSES = 64


@dataclass(frozen=True, kw_only=True)
class Held:
    """What one row holds of one stage, or of several neighbours."""

    row: str
    device_type: str
    stages: range
    addresses: tuple[str, ...]
    nodes: int


def layers_figure(instance: Instance, strategy: Strategy, most_boxes: int) -> Figure:
    """Draw a box for every stage on every node in use; where nodes are many, on every group or type of them."""
    held, notes = _readable(instance.cluster, strategy, most_boxes)
    rows = list(dict.fromkeys(entry.row for entry in held))
    shown, layers = rows[:MOST_ROWS], instance.model.num_layers
    if more := len(rows) - len(shown):
        notes = (*notes, f"{more} more rows are not drawn.")
    place, types = {row: position for position, row in enumerate(shown)}, list(instance.cluster.device_types)
    used = [kind for kind in types if any(entry.device_type == kind for entry in held)]
    return Figure(
        name="layers",
        title="Layers on devices",
        form="rows",
        across=(0.0, float(layers)),
        along=(-0.5, len(shown) - 0.5),
        axis="layers",
        ticks=whole_numbers(layers),
        rungs=tuple((float(position), shortened(row, _NAME_LETTERS)) for row, position in place.items()),
        boxes=tuple(
            _box(entry, strategy, place[entry.row], of_type(types.index(entry.device_type)), layers)
            for entry in held
            if entry.row in place
        ),
        legend=tuple((of_type(types.index(kind)), shortened(kind, _NAME_LETTERS)) for kind in used),
        notes=notes,
    )


def _readable(cluster: Cluster, strategy: Strategy, most_boxes: int) -> tuple[list[Held], tuple[str, ...]]:
    """Return what rows hold: by node, or else by group of nodes, or else by type of device."""
    single = gathered(strategy.pipeline_parallel, strategy.pipeline_parallel)
    by_node = list(_held(cluster, strategy, single, lambda node: node.name))
    count = len({entry.row for entry in by_node})
    if count <= MOST_ROWS and len(by_node) <= most_boxes:
        return by_node, ()
    row_of, called = _gathering(cluster)
    notes = [f"{count:,} nodes are drawn as the {called}."]
    held = list(_held(cluster, strategy, single, row_of))
    if len(held) > most_boxes:
        groups = gathered(strategy.pipeline_parallel, max(1, most_boxes // len({entry.row for entry in held})))
        held = list(_held(cluster, strategy, groups, row_of))
        notes.append(f"{len(single)} stages are drawn as {len(groups)} groups of neighbours.")
    return held, tuple(notes)


def _gathering(cluster: Cluster) -> tuple[Callable[[Node], str], str]:
    if len(cluster.nodes) <= MOST_ROWS:
        return (lambda node: node.group.name), "groups they belong to"
    return (lambda node: node.group.device), "types of their devices"


def _held(
    cluster: Cluster, strategy: Strategy, groups: Sequence[range], row_of: Callable[[Node], str]
) -> Iterator[Held]:
    """Yield what every row holds of every group of stages, rows in the order of the stages that come to them first."""
    for stages in groups:
        found: dict[tuple[str, str], list[tuple[str, str]]] = {}
        used = (device for s in stages for replica in strategy.stages[s].replicas for device in replica)
        for address in used:
            node = cluster.host_of_device[address]
            found.setdefault((row_of(node), node.group.device), []).append((node.name, address))
        for (row, kind), entries in found.items():
            yield Held(
                row=row,
                device_type=kind,
                stages=stages,
                addresses=tuple(address for _, address in entries),
                nodes=len({name for name, _ in entries}),
            )


def _box(entry: Held, strategy: Strategy, row: int, kind: str, layers: int) -> Box:
    start, stop = strategy.stages[entry.stages.start].start, strategy.stages[entry.stages.stop - 1].stop
    degrees = sorted({strategy.stages[s].tensor_parallel for s in entry.stages})
    return Box(
        x=float(start),
        y=row - 0.36,
        width=float(stop - start),
        height=0.72,
        kind=kind,
        label=span(entry.stages) if stop - start >= _LABELLED_PART * layers else "",
        hint=shortened(
            f"stage {span(entry.stages)}: layers {start}-{stop - 1}, tensor degree {'/'.join(map(str, degrees))}, "
            f"{len(entry.addresses):,} {entry.device_type} on {_nodes(entry.nodes)}: {_addresses(entry.addresses)}"
        ),
    )


def _nodes(count: int) -> str:
    return "one node" if count == 1 else f"{count:,} nodes"


def _addresses(addresses: Sequence[str]) -> str:
    return devices(addresses[:_ADDRESSES]) + (" …" if len(addresses) > _ADDRESSES else "")
