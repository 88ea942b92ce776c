"""Explain random infeasible questions, and hold every explanation against enumeration and against solving again.

python -m benchmarks.explanations --count 200 --seed 0

Run it from the root of the repository: questions and enumeration are those of the tests. Of every question without a
plan the members that contradict each other leave no plan together, by enumeration, and some plan without any one of
them; every remedy has a plan when it is solved again. Exits with 1 if anything disagrees; every disagreement names
the seed.
"""

import argparse
import statistics
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from milp_amp.plan.result import Status
from milp_amp.solving.explaining.asking import Asker
from milp_amp.solving.explaining.infeasible import Infeasibility, explain_infeasible
from tests.solving.explaining.checks import mistakes
from tests.solving.explaining.drawing import asked


@dataclass
class Tally:
    """What was explained so far.

    Attributes
    ----------
    seconds
        Of every explanation.
    checked
        Seconds of enumeration and solving again.
    searches
        Of every explanation.
    members, sizes
        How many members there were, and how many of them contradicted each other: how often each.
    wrong
        How many sentences about what is wrong.
    """

    seconds: list[float] = field(default_factory=list)
    checked: float = 0.0
    searches: list[int] = field(default_factory=list)
    members: Counter[int] = field(default_factory=Counter)
    sizes: Counter[int] = field(default_factory=Counter)
    remedies: Counter[str] = field(default_factory=Counter)
    several: int = 0
    without_remedy: int = 0
    feasible: int = 0
    wrong: int = 0

    def explain(self, seed: int) -> None:
        """Explain the question of a seed and check what is said."""
        instance, texts = asked(seed)
        began = time.perf_counter()
        told = explain_infeasible(Asker(instance, threads=1), texts)
        took = time.perf_counter() - began
        if told.status is Status.FEASIBLE:
            self.feasible += 1
            return
        self.seconds.append(took)
        self._count(told)
        began = time.perf_counter()
        for mistake in mistakes(instance, told):
            self.wrong += 1
            print(f"seed {seed}: {mistake}", flush=True)
        self.checked += time.perf_counter() - began

    def _count(self, told: Infeasibility) -> None:
        self.searches.append(told.searches)
        self.members[len(told.members)] += 1
        self.sizes[0 if told.conflict is None else len(told.conflict.members)] += 1
        self.remedies.update(remedy.kind for remedy in told.remedies)
        self.several += told.several
        self.without_remedy += not told.remedies

    def table(self) -> str:
        """Return one line per number."""
        return "\n".join(
            f"{name:44} {value}"
            for name, value in (
                ("infeasible questions explained", len(self.seconds)),
                ("feasible ones on the way", self.feasible),
                ("wrong sentences", self.wrong),
                ("members: how often", _counted(self.members)),
                ("contradicting members: how often", _counted(self.sizes)),
                ("with further contradictions beside", self.several),
                ("remedies, each solved again", _counted(self.remedies)),
                ("questions without a remedy", self.without_remedy),
                ("searches, median and most", f"{statistics.median(self.searches):g}, {max(self.searches)}"),
                ("seconds, median and most", f"{statistics.median(self.seconds):.2f}, {max(self.seconds):.2f}"),
                ("seconds of all explanations", f"{sum(self.seconds):.1f}"),
                ("seconds of enumeration and solving again", f"{self.checked:.1f}"),
            )
        )


def _counted(counter: Counter[int] | Counter[str]) -> str:
    return ", ".join(f"{key}: {counter[key]}" for key in sorted(counter, key=str))


def main() -> int:
    """Explain questions from a seed on until so many of them had no plan.

    Returns
    -------
    int
        0 if everything agrees, else 1.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=200, help="infeasible questions")
    parser.add_argument("--seed", type=int, default=0, help="first seed")
    arguments = parser.parse_args()
    tally, seed = Tally(), arguments.seed
    while len(tally.seconds) < arguments.count:
        tally.explain(seed)
        seed += 1
    print(f"{arguments.count} infeasible questions of seeds {arguments.seed} to {seed - 1}, cost model pipeline")
    print(tally.table())
    return int(tally.wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
