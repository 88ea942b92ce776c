"""Compare every exact formulation and every bound with brute force on random tiny instances.

python -m benchmarks.random_instances --count 2000 --seed 0 [--scarce] [--restricted]

Run it from the root of the repository: instances and enumeration are those of the tests. Each instance is
solved under both cost models; with ``--scarce`` memory decides in them, so only under ``pipeline``, and with
``--restricted`` they have random restrictions. Exits with 1 if anything disagrees; every disagreement names its
instance, and so its seed.
"""

import argparse
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import partial

from milp_amp.cost.model import PER_BYTE_COST_MODELS
from milp_amp.problem.instance import Instance
from tests.agreement.checks import EXACT, baseline_difference, bounds, difference, ranking, truth, violations
from tests.agreement.drawing import draw
from tests.agreement.restricting import restricted
from tests.agreement.scarce import scarce

BASELINE = "amp_dp_exact"
"""It claims the optimum of a smaller space, and is compared with enumeration of that one."""


class Tally:
    """What was compared so far.

    Attributes
    ----------
    counts
        How often each thing happened, by its name in the table.
    seconds
        Wall seconds of each formulation and of the enumeration.
    largest
        Largest relative difference of an optimum that was accepted as equal.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.largest = 0.0

    @property
    def failed(self) -> bool:
        """Whether anything disagreed."""
        return any(value for name, value in self.counts.items() if name.startswith(("mismatches", "violations")))

    def compare(self, world: Instance, cost_model: str) -> None:
        """Compare everything that can be said about one instance."""
        where = f"{world.name}, {cost_model}"
        started = time.perf_counter()
        known = truth(world, cost_model)
        self.seconds["brute force"] += time.perf_counter() - started
        self.counts["infeasible" if known.claimed is None else "feasible"] += 1
        for name in EXACT:
            self._try(name, partial(difference, name, known), where)
        self._try(BASELINE, partial(baseline_difference, known.prepass), where)
        self.counts["bounds checked"] += sum(1 for _ in bounds(known))
        self._report("violations of bounds", violations(known), where)
        disorder = ranking(known)
        self._report("violations of the order of optima and baselines", [disorder] if disorder else [], where)

    def _try(self, name: str, compare: Callable[[], float], where: str) -> None:
        started = time.perf_counter()
        try:
            self.largest = max(self.largest, compare())
        except Exception as failure:  # a crash is a mismatch too, and the other instances count as well
            self._report(f"mismatches of {name}", [f"{type(failure).__name__}: {failure}"], where)
        self.seconds[name] += time.perf_counter() - started

    def _report(self, kind: str, sentences: list[str], where: str) -> None:
        self.counts[kind] += len(sentences)
        for sentence in sentences:
            print(f"{where}: {kind}: {sentence}", flush=True)

    def table(self) -> str:
        """Return one line per number, zeros included."""
        kinds = [f"mismatches of {name}" for name in (*EXACT, BASELINE)]
        kinds += ["bounds checked", "violations of bounds", "violations of the order of optima and baselines"]
        lines = [f"{kind:48} {self.counts[kind]:10}" for kind in ("feasible", "infeasible", *kinds)]
        lines.append(f"{'largest relative difference':48} {self.largest:10.1e}")
        lines += [f"{'seconds of ' + name:48} {self.seconds[name]:10.1f}" for name in ("brute force", *EXACT, BASELINE)]
        return "\n".join(lines)


def main() -> int:
    """Compare a range of seeds and print the table.

    Returns
    -------
    int
        0 if everything agrees, else 1.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=2000, help="instances")
    parser.add_argument("--seed", type=int, default=0, help="first seed")
    parser.add_argument("--scarce", action="store_true", help="instances in which memory decides")
    parser.add_argument("--restricted", action="store_true", help="restrict every instance at random")
    arguments = parser.parse_args()
    cost_models = ("pipeline",) if arguments.scarce else PER_BYTE_COST_MODELS
    tally = Tally()
    for seed in range(arguments.seed, arguments.seed + arguments.count):
        world = scarce(seed) if arguments.scarce else draw(seed)
        for cost_model in cost_models:
            tally.compare(restricted(world, seed) if arguments.restricted else world, cost_model)
    print(f"{arguments.count} instances from seed {arguments.seed}, cost models {' and '.join(cost_models)}")
    print(tally.table())
    return int(tally.failed)


if __name__ == "__main__":
    sys.exit(main())
