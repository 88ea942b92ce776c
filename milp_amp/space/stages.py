"""Stages of a served model: so many layers, and machines that carry a share of the flow through them side by side."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from milp_amp.space.fleet import Fleet

ROUNDING = 1e-9
"""By which a stage may miss its share, relative: targets are computed from sums of the same numbers."""


@dataclass(frozen=True)
class Stage:
    """``layers`` layers on so many machines of each type."""

    layers: int
    machines: tuple[tuple[str, int], ...]


def stages(fleet: Fleet, share: float, most_machines: int) -> list[Stage]:
    """Return every stage that carries a share with no machine to spare."""
    return list(_stages(_Key(fleet), share * (1 - ROUNDING), most_machines))


class _Key:
    """A fleet that can be remembered by."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self._of = (fleet.layers, tuple(fleet.count.items()), tuple(fleet.tokens_per_s.items()))

    def __hash__(self) -> int:
        return hash(self._of)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self._of == other._of


@lru_cache(maxsize=4096)
def _stages(key: _Key, share: float, most_machines: int) -> tuple[Stage, ...]:
    fleet = key.fleet
    found = []
    for k in range(1, max(map(len, fleet.tokens_per_s.values())) + 1):
        able = [(t, fleet.tokens_per_s[t][k - 1]) for t in fleet.count if k <= len(fleet.tokens_per_s[t])]
        # From the fastest on: then the last machine that is added is one without which the others fall short.
        able.sort(key=lambda each: -each[1])
        found += [Stage(k, machines) for machines in _multisets(fleet, able, share, most_machines)]
    return tuple(found)


def _multisets(
    fleet: Fleet, able: Sequence[tuple[str, float]], needed: float, room: int
) -> Iterator[tuple[tuple[str, int], ...]]:
    """Yield the multisets of machines that reach ``needed`` and do not without their slowest one."""
    if not able or room == 0:
        return
    (t, tokens), rest = able[0], able[1:]
    enough = -int(-needed // tokens)
    if enough <= min(fleet.count[t], room):
        yield ((t, enough),)
    for n in range(min(enough - 1, fleet.count[t], room) + 1):
        for more in _multisets(fleet, rest, needed - n * tokens, room - n):
            yield ((t, n), *more) if n else more
