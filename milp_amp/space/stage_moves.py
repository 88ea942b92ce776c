"""Small changes of stages one after another: what a local search tries next."""

from collections.abc import Callable, Sequence
from random import Random

from milp_amp.space.service_of_stages import CountedStage

Stages = tuple[CountedStage, ...]


class StageMoves:
    """Changes that keep every layer held once, and every machine in at most one stage.

    Parameters
    ----------
    layers
        Of the model.
    counts, most_layers
        Machines of every group, and the layers that one of them can hold.
    """

    def __init__(self, layers: int, counts: Sequence[int], most_layers: Sequence[int]) -> None:
        self._layers, self._counts, self._most = layers, tuple(counts), tuple(most_layers)
        self._moves: tuple[Callable[[Stages, Random], Stages | None], ...] = (
            self._exchange,
            self._reinsert,
            self._shift_layer,
            self._shift_layer,
            self._move_machine,
            self._move_machine,
            self._swap_machines,
            self._split,
            self._split,
            self._merge,
            self._add_machine,
        )

    def draw(self, dice: Random) -> Stages | None:
        """Return stages of single machines in random order, each full; ``None`` if they cannot hold the model."""
        machines, left = self._free(()), self._layers
        dice.shuffle(machines)
        stages: list[CountedStage] = []
        for group in machines:
            if left:
                size = min(left, self._most[group])
                stages.append((size, self._only(group, 1)))
                left -= size
        return None if left else tuple(stages)

    def neighbour(self, stages: Stages, dice: Random) -> Stages | None:
        """Return stages that differ a little; ``None`` if the change that was drawn is not possible."""
        changed = dice.choice(self._moves)(stages, dice)
        return changed if changed is not None and self._possible(changed) else None

    def _possible(self, stages: Stages) -> bool:
        return all(
            size > 0 and any(counts) and all(not n or size <= most for n, most in zip(counts, self._most, strict=True))
            for size, counts in stages
        )

    def _only(self, group: int, n: int) -> tuple[int, ...]:
        return tuple(n if at == group else 0 for at in range(len(self._counts)))

    def _free(self, stages: Stages) -> list[int]:
        """Return the groups of machines that hold nothing, one entry for each."""
        used = [sum(counts[group] for _, counts in stages) for group in range(len(self._counts))]
        return [group for group, most in enumerate(self._counts) for _ in range(most - used[group])]

    def _exchange(self, stages: Stages, dice: Random) -> Stages | None:
        """Exchange the places of two stages."""
        if len(stages) < 2:
            return None
        i, j = dice.sample(range(len(stages)), 2)
        return _with(stages, {i: stages[j], j: stages[i]})

    def _reinsert(self, stages: Stages, dice: Random) -> Stages | None:
        """Put a stage elsewhere."""
        rest = list(stages)
        taken = rest.pop(dice.randrange(len(rest)))
        rest.insert(dice.randint(0, len(rest)), taken)
        return tuple(rest)

    def _shift_layer(self, stages: Stages, dice: Random) -> Stages | None:
        """Give a layer of one stage to another; a stage without layers is gone."""
        if len(stages) < 2:
            return None
        i, j = dice.sample(range(len(stages)), 2)
        (less, donor), (more, taker) = stages[i], stages[j]
        changed = _with(stages, {i: (less - 1, donor), j: (more + 1, taker)})
        return changed if less > 1 else changed[:i] + changed[i + 1 :]

    def _move_machine(self, stages: Stages, dice: Random) -> Stages | None:
        """Move a machine from one stage to another."""
        if len(stages) < 2:
            return None
        i, j = dice.sample(range(len(stages)), 2)
        group = _any_of(stages[i], dice)
        return _with(stages, {i: _added(stages[i], group, -1), j: _added(stages[j], group, 1)})

    def _swap_machines(self, stages: Stages, dice: Random) -> Stages | None:
        """Exchange two machines of two stages."""
        if len(stages) < 2:
            return None
        i, j = dice.sample(range(len(stages)), 2)
        a, b = _any_of(stages[i], dice), _any_of(stages[j], dice)
        if a == b:
            return None
        return _with(stages, {i: _added(_added(stages[i], a, -1), b, 1), j: _added(_added(stages[j], b, -1), a, 1)})

    def _split(self, stages: Stages, dice: Random) -> Stages | None:
        """Divide the layers of a stage, and its machines; or give a part of its layers to a machine without any."""
        i = dice.randrange(len(stages))
        size, counts = stages[i]
        if size < 2:
            return None
        part, free = dice.randint(1, size - 1), self._free(stages)
        machines = [group for group, n in enumerate(counts) for _ in range(n)]
        if len(machines) > 1 and (not free or dice.random() < 0.5):
            given = dice.sample(machines, dice.randint(1, len(machines) - 1))
            kept = tuple(n - given.count(group) for group, n in enumerate(counts))
            new = (part, tuple(given.count(group) for group in range(len(counts))))
        elif free:
            kept, new = counts, (part, self._only(dice.choice(free), 1))
        else:
            return None
        pair = [(size - part, kept), new]
        dice.shuffle(pair)
        return (*stages[:i], *pair, *stages[i + 1 :])

    def _merge(self, stages: Stages, dice: Random) -> Stages | None:
        """Let the machines of two stages hold the layers of both."""
        if len(stages) < 2:
            return None
        i, j = dice.sample(range(len(stages)), 2)
        (size, counts), (more, others) = stages[i], stages[j]
        both = size + more, tuple(a + b for a, b in zip(counts, others, strict=True))
        changed = _with(stages, {i: both})
        return changed[:j] + changed[j + 1 :]

    def _add_machine(self, stages: Stages, dice: Random) -> Stages | None:
        """Put a machine that holds nothing into a stage."""
        free = self._free(stages)
        if not free:
            return None
        i = dice.randrange(len(stages))
        return _with(stages, {i: _added(stages[i], dice.choice(free), 1)})


def _with(stages: Stages, changed: dict[int, CountedStage]) -> Stages:
    return tuple(changed.get(at, stage) for at, stage in enumerate(stages))


def _added(stage: CountedStage, group: int, n: int) -> CountedStage:
    size, counts = stage
    return size, (*counts[:group], counts[group] + n, *counts[group + 1 :])


def _any_of(stage: CountedStage, dice: Random) -> int:
    """Return the group of one of its machines."""
    return dice.choice([group for group, n in enumerate(stage[1]) for _ in range(n)])
