"""What sites hold one after the other: stages that borders divide, and the placement that they make."""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from milp_amp.problem.serving import ServingInstance
from milp_amp.space.fleet import Fleet
from milp_amp.space.sections import Section, laid_out
from milp_amp.space.stages import ROUNDING, Stage

Layers = dict[str, tuple[int, int]]
"""First layer and the one after the last, by the name of the machine."""

Kind = tuple[int, ...]
"""Machines of a stage, and for every site how many machines there must stand across a border: ``0`` for its own."""


@dataclass(frozen=True)
class Chain:
    """What one site holds, in its order: stages, sections of two chains each, and stages."""

    before: list[Stage]
    sections: list[tuple[list[Stage], list[Stage]]]
    after: list[Stage]


def kind_of(stage: Stage, fleet: Fleet, share: float, links: Sequence[float | None]) -> Kind:
    """Return the kind of a stage; ``links`` are tokens per second with a machine of every site, ``None`` of its own."""
    tokens = [fleet.tokens_per_s[t][stage.layers - 1] for t, count in stage.machines for _ in range(count)]
    needed = [0 if link is None else _machines_across(tokens, share * (1 - ROUNDING), link) for link in links]
    return (len(tokens), *needed)


def _machines_across(tokens: Sequence[float], share: float, link: float) -> int:
    """Return the least ``m`` with ``Σ_i min(T_i, m C) >= share``, for a stage that carries its share."""
    enough = min(share, sum(tokens))
    limits = range(1, math.ceil(max(tokens) / link) + 1)
    return limits.start + bisect_left(limits, enough, key=lambda m: sum(min(each, m * link) for each in tokens))


def reaches(sender: Kind, receiver: Kind, a: int, b: int) -> bool:
    """Return whether a stage of the ``a``-th site and one of the ``b``-th have as many machines as each other needs."""
    return sender[1 + b] <= receiver[0] and receiver[1 + a] <= sender[0]


def placed(instance: ServingInstance, chains: Iterable[Chain]) -> Layers:
    """Return the layers of every machine: chains one after the other, machines of a type in their order."""
    sections: list[Section] = []
    for chain in chains:
        sections.append(Section((tuple(chain.before),)))
        sections += [Section((tuple(lesser), tuple(greater))) for lesser, greater in chain.sections]
        sections.append(Section((tuple(chain.after),)))
    return laid_out(instance, sections, partial_inference=False).layers
