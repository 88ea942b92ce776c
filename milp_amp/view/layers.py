"""Which node runs which layers: nodes, or groups of them, against the model's layers."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from milp_amp.plan.strategy import Strategy
from milp_amp.problem.cluster import Cluster, Node
from milp_amp.problem.instance import Instance
from milp_amp.view.drawing import MOST_ROWS, Box, Figure, shortened, whole_numbers
from milp_amp.view.palette import of_type
from milp_amp.view.units_text import devices

_NAME_LETTERS = 22
_LABELLED_PART = 1 / 30
_ADDRESSES = 64


@dataclass(frozen=True, kw_only=True)
class Held:
    """What one row holds of one stage."""

    row: str
    device_type: str
    stage: int
    addresses: tuple[str, ...]
    nodes: int


def layers_figure(instance: Instance, strategy: Strategy) -> Figure:
    """Draw a box for every stage on every node in use; where nodes are many, on every group or type of them."""
    held, notes = _readable(instance.cluster, strategy)
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


def _readable(cluster: Cluster, strategy: Strategy) -> tuple[list[Held], tuple[str, ...]]:
    """Return what rows hold: by node, or else by group of nodes, or else by type of device."""
    by_node = list(_held(cluster, strategy, lambda node: node.name))
    count = len({entry.row for entry in by_node})
    if count <= MOST_ROWS:
        return by_node, ()
    by_group = list(_held(cluster, strategy, lambda node: node.group.name))
    if len({entry.row for entry in by_group}) <= MOST_ROWS:
        return by_group, (f"{count:,} nodes are drawn as the groups they belong to.",)
    by_type = list(_held(cluster, strategy, lambda node: node.group.device))
    return by_type, (f"{count:,} nodes are drawn as the types of their devices.",)


def _held(cluster: Cluster, strategy: Strategy, row_of: Callable[[Node], str]) -> Iterator[Held]:
    """Yield what every row holds of every stage, rows in the order of the stages that come to them first."""
    for number, stage in enumerate(strategy.stages):
        found: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for address in (device for group in stage.replicas for device in group):
            node = cluster.host_of_device[address]
            found.setdefault((row_of(node), node.group.device), []).append((node.name, address))
        for (row, kind), entries in found.items():
            yield Held(
                row=row,
                device_type=kind,
                stage=number,
                addresses=tuple(address for _, address in entries),
                nodes=len({name for name, _ in entries}),
            )


def _box(entry: Held, strategy: Strategy, row: int, kind: str, layers: int) -> Box:
    stage = strategy.stages[entry.stage]
    count = len(entry.addresses)
    where = f"on {entry.nodes:,} nodes" if entry.nodes > 1 else ""
    width = stage.stop - stage.start
    return Box(
        x=float(stage.start),
        y=row - 0.36,
        width=float(width),
        height=0.72,
        kind=kind,
        label=str(entry.stage) if width >= _LABELLED_PART * layers else "",
        hint=shortened(
            f"stage {entry.stage}: layers {stage.start}-{stage.stop - 1}, tensor degree {stage.tensor_parallel}, "
            f"{count:,} of its devices ({entry.device_type}) {where} {_addresses(entry.addresses)}"
        ),
    )


def _addresses(addresses: Sequence[str]) -> str:
    return devices(addresses[:_ADDRESSES]) + (" …" if len(addresses) > _ADDRESSES else "")
