"""Simulated annealing over stages one after another, for what is predicted to be served."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from milp_amp.space.service import Prediction, predict, serves
from milp_amp.space.service_of_stages import StageServices
from milp_amp.space.stage_moves import StageMoves, Stages

HOT, COLD = 0.03, 0.0005
"""Temperatures at the beginning and at the end: loss, relative to what is served, that is accepted one time in e."""

STEEPNESS = 4
"""With which what is served counts less where tokens take longer than allowed."""

ROUND = 256
"""Steps between two looks at the clock."""


@dataclass(frozen=True)
class Annealer:
    """What is changed, what it is worth, and when to stop.

    Attributes
    ----------
    most_token_s
        Seconds that an output token may take; ``inf`` for any.
    """

    services: StageServices
    moves: StageMoves
    most_token_s: float
    stopped: Callable[[], bool]

    def worth(self, stages: Stages, guess: float = 1.0) -> float:
        """Return the predicted tokens per second, less where a token takes too long."""
        return self._worth(predict(self.services.service(stages), guess))

    def _worth(self, predicted: Prediction) -> float:
        late = max(1.0, predicted.token_s / self.most_token_s)
        return predicted.tokens_per_s / late**STEEPNESS

    def anneal(self, start: Stages, steps: int, dice: Random) -> tuple[Stages, float]:
        """Return the best stages that are met from ``start`` on, and their worth."""
        here, worth = start, self.worth(start)
        best, most = here, worth
        for step in range(steps):
            if step % ROUND == 0 and self.stopped():
                break
            temperature = HOT * (COLD / HOT) ** (step / steps)
            needed = worth * (1 + temperature * math.log(1 - dice.random()))
            found = self._accepted(here, needed, dice)
            if found is not None:
                here, worth = found
                if worth > most:
                    best, most = here, worth
        return best, most

    def _accepted(self, here: Stages, needed: float, dice: Random) -> tuple[Stages, float] | None:
        """Return a neighbour and its worth if that is enough."""
        changed = self.moves.neighbour(here, dice)
        if changed is None:
            return None
        service = self.services.service(changed)
        # What is too long only lowers the worth, so most neighbours are refused by one evaluation.
        if needed > 0 and not serves(service, needed):
            return None
        worth = self._worth(predict(service, max(needed, 1.0) / service.demand.output_tokens))
        return (changed, worth) if worth >= needed else None
