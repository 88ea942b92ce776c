"""Layers handed out anew to machines that stand together already, after some have gone or come.

Which machines are a stage, and which stages a chain, stays as it is. How many layers a stage can hold while it carries
its share of a flow is then a set of numbers, and so is how many a chain or a section can: the sums of one number each.
Such sets are the bits of whole numbers, bit ``k`` for ``k`` layers, so all sums of two sets are a few shifts, and a
flow can be carried if bit ``L`` is set for all sections together. Exact for the given stages and chains.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from milp_amp.space.fleet import Fleet
from milp_amp.space.sections import Chain, Section
from milp_amp.space.stages import ROUNDING, Stage

PRECISION = 1e-3
"""Width at which the bisection of the flow ends, relative to the most: what comes of it is a beginning."""

NEXT_TO = 1e-7
"""By which the first flow that is tried lies below the most, relative: a bound lies a little above what it bounds."""


def refilled(fleet: Fleet, sections: Sequence[Section], most: float) -> list[Section]:
    """Return the sections with the layers by which they carry most, up to ``most``; none if they cannot hold the model.

    Machines that no section has are added first, one by one, where most layers are gained at a flow of ``most``. The
    stages of more than two chains beside each other are put in series: there are too many ways to divide a flow.
    """
    low, high, best = 0.0, most, list[Section]()
    target = high * (1 - NEXT_TO)
    every = _with_idle(_Room(fleet, target), [part for section in sections for part in _parted(section)])
    while high - low > PRECISION * most:
        filled = _Room(fleet, target).filled(every)
        low, high = (target, high) if filled else (low, target)
        best, target = filled or best, (low + high) / 2
    return best


def _parted(section: Section) -> list[Section]:
    if len(section.chains) <= 2:
        return [section]
    return [Section(((stage,),)) for chain in section.chains for stage in chain]


def _with_idle(room: "_Room", sections: list[Section]) -> list[Section]:
    idle = Counter(room.fleet.count)
    for section in sections:
        for chain in section.chains:
            for stage in chain:
                idle.subtract(dict(stage.machines))
    for kind in idle.elements():
        before = [room.lengths(section).bit_length() for section in sections]
        options = [
            (room.lengths(joined).bit_length() - before[i], -i, joined)
            for i, section in enumerate(sections)
            for joined in _joined(section, kind)
        ]
        alone = Section(((Stage(1, ((kind, 1),)),),))
        gain, i, joined = max(options, key=lambda option: option[:2], default=(0, 0, alone))
        if gain > room.lengths(alone).bit_length() - 1:
            sections[-i] = joined
        else:
            sections.append(alone)
    return sections


def _joined(section: Section, kind: str) -> Iterator[Section]:
    """Yield what a section may be once a machine has joined one of its stages."""
    for c, chain in enumerate(section.chains):
        for s, stage in enumerate(chain):
            machines = Counter(dict(stage.machines)) + Counter([kind])
            joined = replace(stage, machines=tuple(sorted(machines.items())))
            stages = (*chain[:s], joined, *chain[s + 1 :])
            yield Section((*section.chains[:c], stages, *section.chains[c + 1 :]))


@dataclass(frozen=True)
class _Room:
    """How many layers fit, at a flow; every number of layers is a bit."""

    fleet: Fleet
    flow: float

    @property
    def any_number(self) -> int:
        """Return the set of all numbers."""
        return (2 << self.fleet.layers) - 1

    def filled(self, sections: Sequence[Section]) -> list[Section]:
        """Return sections that hold all layers, none if they cannot."""
        chosen = self._split([self.lengths(section) for section in sections], self.fleet.layers)
        held = zip(sections, chosen, strict=True) if chosen else ()
        return [self._of_length(section, k) for section, k in held if k]

    def lengths(self, section: Section) -> int:
        """Return the numbers of layers that a section can hold, none among them."""
        found = 1
        for shares in self._shares(section):
            found |= self._beside(section, shares)
        return found

    def _of_length(self, section: Section, k: int) -> Section:
        """Return a section of ``k`` layers."""
        shares = next(shares for shares in self._shares(section) if self._beside(section, shares) & 1 << k)
        filled = [self._chain_of_length(chain, share, k) for chain, share in zip(section.chains, shares, strict=True)]
        return Section(tuple(chain for chain in filled if chain))

    def _shares(self, section: Section) -> list[tuple[float, ...]]:
        """Return how chains may divide the flow: one of two carries what a stage of it does, or nothing, or all."""
        if len(section.chains) == 1:
            return [(self.flow,)]
        carried = {t for stage in section.chains[0] for t in self._tokens(stage) if t < self.flow}
        return [(part, self.flow - part) for part in (0.0, *sorted(carried), self.flow)]

    def _beside(self, section: Section, shares: Sequence[float]) -> int:
        found = self.any_number
        for chain, share in zip(section.chains, shares, strict=True):
            found &= self._chain(chain, share)
        return found

    def _chain(self, chain: Chain, share: float) -> int:
        """Return the numbers of layers that a chain can hold; where nothing flows, any."""
        if not self._flows(share):
            return self.any_number
        found = 1
        for stage in chain:
            found = self._sums(found, self._stage(stage, share))
        return found

    def _chain_of_length(self, chain: Chain, share: float, k: int) -> Chain:
        if not self._flows(share):
            return ()
        numbers = self._split([self._stage(stage, share) for stage in chain], k)
        return tuple(replace(stage, layers=n) for stage, n in zip(chain, numbers, strict=True) if n)

    def _flows(self, share: float) -> bool:
        return share > ROUNDING * self.flow

    def _stage(self, stage: Stage, share: float) -> int:
        enough = share * (1 - ROUNDING)
        return 1 | sum(1 << k for k, tokens in enumerate(self._tokens(stage), 1) if tokens >= enough)

    def _tokens(self, stage: Stage) -> list[float]:
        """Return what a stage carries, by layers from one on."""
        rows = [[n * tokens for tokens in self.fleet.tokens_per_s[t]] for t, n in stage.machines]
        return [sum(each) for each in zip(*rows, strict=False)]

    def _sums(self, some: int, others: int) -> int:
        """Return every sum of one number of each set, up to all layers."""
        found = 0
        for k in _bits(others):
            found |= some << k
        return found & self.any_number

    def _split(self, parts: Sequence[int], total: int) -> list[int]:
        """Return a number of every part that add up to the total, no numbers if none do."""
        reached = [1]
        for part in parts:
            reached.append(self._sums(reached[-1], part))
        if not reached[-1] >> total & 1:
            return []
        chosen = []
        for before, part in zip(reversed(reached[:-1]), reversed(parts), strict=True):
            k = max(k for k in _bits(part) if k <= total and before >> (total - k) & 1)
            chosen.append(k)
            total -= k
        return chosen[::-1]


def _bits(numbers: int) -> Iterator[int]:
    """Yield the numbers of a set, the least first."""
    while numbers:
        least = numbers & -numbers
        yield least.bit_length() - 1
        numbers ^= least
