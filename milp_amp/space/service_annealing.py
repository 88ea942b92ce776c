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

STEEPNESS = 8
"""With which what is served counts less where tokens take longer than allowed: where only slow ones serve much, 4 ends
with these.
"""

SOFT, HARD = 6.0, 96.0
"""Hardness of the least cache at the beginning, and before it is infinite: where several stages have the smallest one,
a larger one in a single stage gains nothing, and would never be found."""

SOFT_PART = 0.8
"""Of the steps, before the least is the least."""

ROUND = 256
"""Steps between two looks at the clock, and at the hardness."""


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

    def worth(self, stages: Stages, hardness: float = math.inf) -> float:
        """Return the predicted tokens per second, less where a token takes too long."""
        return self._worth(predict(self.services.service(stages, hardness)))

    def _worth(self, predicted: Prediction) -> float:
        late = max(1.0, predicted.token_s / self.most_token_s)
        return predicted.tokens_per_s / late**STEEPNESS

    def anneal(self, start: Stages, steps: int, dice: Random) -> tuple[Stages, float]:
        """Return the best stages that are met from ``start`` on once the least is the least, and their worth."""
        here, worth, hardness = start, 0.0, SOFT
        best, most = start, self.worth(start)
        for step in range(steps):
            if step % ROUND == 0:
                if self.stopped():
                    break
                hardness = _hardness(step / steps)
                worth = self.worth(here, hardness)
            temperature = HOT * (COLD / HOT) ** (step / steps)
            found = self._accepted(here, worth * (1 + temperature * math.log(1 - dice.random())), hardness, dice)
            if found is not None:
                here, worth = found
                if hardness == math.inf and worth > most:
                    best, most = here, worth
        final = self.worth(here)
        return (here, final) if final > most else (best, most)

    def _accepted(self, here: Stages, needed: float, hardness: float, dice: Random) -> tuple[Stages, float] | None:
        """Return a neighbour and its worth if that is enough."""
        changed = self.moves.neighbour(here, dice)
        if changed is None:
            return None
        service = self.services.service(changed, hardness)
        # What is too long only lowers the worth, so most neighbours are refused by one evaluation.
        if needed > 0 and not serves(service, needed):
            return None
        worth = self._worth(predict(service, max(needed, 1.0) / service.demand.output_tokens))
        return (changed, worth) if worth >= needed else None


def _hardness(part: float) -> float:
    """Return the hardness after such a part of the steps."""
    return float(SOFT * (HARD / SOFT) ** (part / SOFT_PART)) if part < SOFT_PART else math.inf
