"""Placements as sections one after the other: a stage, or chains of stages beside each other that divide the flow."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from milp_amp.plan.placement import Placement
from milp_amp.problem.serving import ServingInstance
from milp_amp.space.stages import Stage

Chain = tuple[Stage, ...]


@dataclass(frozen=True)
class Section:
    """Chains beside each other, from the same layer to the same layer."""

    chains: tuple[Chain, ...]


def sections_of(instance: ServingInstance, placement: Placement) -> list[Section]:
    """Return the sections of a placement, in the order of their layers.

    Machines that hold the same layers are a stage. Stages that overlap are in one section: each goes on with the chain
    that ends last before it. A layer that nobody holds is left out.
    """
    kinds = {machine.name: machine.group.name for machine in instance.machines}
    held: dict[tuple[int, int], Counter[str]] = {}
    for name, span in placement.layers.items():
        held.setdefault(span, Counter())[kinds[name]] += 1
    found: list[list[list[tuple[int, Stage]]]] = []
    end = -1
    for (start, stop), machines in sorted(held.items()):
        stage = Stage(stop - start, tuple(sorted(machines.items())))
        if start >= end:
            found.append([])
        _join(found[-1], start, stop, stage)
        end = max(end, stop)
    return [Section(tuple(tuple(stage for _, stage in chain) for chain in section)) for section in found]


def _join(section: list[list[tuple[int, Stage]]], start: int, stop: int, stage: Stage) -> None:
    """Put a stage behind the chain that ends last before it, or begin a chain."""
    before = [chain for chain in section if chain[-1][0] <= start]
    if before:
        max(before, key=lambda chain: chain[-1][0]).append((stop, stage))
    else:
        section.append([(stop, stage)])


def laid_out(instance: ServingInstance, sections: Iterable[Section], partial_inference: bool) -> Placement:
    """Return the placement of sections one after the other, machines of a type in their order."""
    free = {group.name: [m.name for m in instance.machines if m.group == group] for group in instance.cluster.nodes}
    layers: dict[str, tuple[int, int]] = {}

    def put(start: int, chain: Sequence[Stage]) -> int:
        for stage in chain:
            for kind, count in stage.machines:
                for _ in range(count):
                    layers[free[kind].pop(0)] = (start, start + stage.layers)
            start += stage.layers
        return start

    position = 0
    for section in sections:
        position = max([put(position, chain) for chain in section.chains], default=position)
    return Placement(layers=layers, partial_inference=partial_inference)
