"""Time AMP's whole search on AMP's own instances; its published program takes 266 s (53 candidates, 2 cores).

python benchmarks/amp_search.py
"""

import time
from pathlib import Path

from formulations.amp_dp import rank_candidates
from milp_amp.cost.network import measure
from milp_amp.problem.files import read

INSTANCES = Path(__file__).parents[1] / "instances" / "amp"


def main() -> None:
    """Print one line per instance."""
    for path in sorted(INSTANCES.glob("*.json")):
        instance = read(path)
        network = measure(instance.cluster)
        started = time.perf_counter()
        table = rank_candidates(instance, network)
        seconds = time.perf_counter() - started
        print(
            f"{instance.name:32} {len(table):3} candidates  {seconds:6.3f} s  best {table[0].predicted_seconds:.4f} s"
        )


if __name__ == "__main__":
    main()
