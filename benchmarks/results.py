"""Every formulation on every training instance of the library, as a Markdown table.

python benchmarks/results.py [--cost-model pipeline]

Seconds are those of the whole call, pre-pass, baseline start and check included; ratios are step times over
the published search's plan in the same run. Each run is a process of its own, so that memory is its own.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1] / "instances"
LIBRARY = [*sorted((ROOT / "amp").glob("*.json")), ROOT / "synthetic" / "layers-98-devices-384.json"]
FORMULATIONS = ("amp_dp", "amp_dp_exact", "interval_milp", "interval_cpsat", "interval_dp", "auto")

_RUN = """
import resource, runpy, sys
sys.argv = ["milp-amp", *sys.argv[1:]]
try:
    runpy.run_module("milp_amp", run_name="__main__")
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, file=sys.stderr)
"""


def run(path: Path, formulation: str, cost_model: str) -> tuple[dict[str, object], float, float]:
    """Return the result of one run as a process, its wall seconds and its peak memory in MiB."""
    command = ["solve", str(path), "--formulation", formulation, "--cost-model", cost_model, "--format", "json"]
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", _RUN, *command], capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    return json.loads(done.stdout), seconds, float(done.stderr.split()[-1])


def main() -> None:
    """Print one row per instance and formulation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cost-model", default="pipeline")
    arguments = parser.parse_args()
    print("| instance | formulation | status | step time | gap | of AMP's plan | wall | peak memory |")
    print("|---|---|---|---|---|---|---|---|")
    for path in LIBRARY:
        baseline = None
        for formulation in FORMULATIONS:
            result, seconds, memory = run(path, formulation, arguments.cost_model)
            value = float(str(result["objective"]))
            baseline = baseline or value
            gap = "–" if result["gap"] is None else f"{float(str(result['gap'])):.1e}"
            print(
                f"| {path.stem} | {formulation} | {result['status']} | {value:.6f} s | {gap} "
                f"| {value / baseline:.4f} | {seconds:.2f} s | {memory:.0f} MiB |"
            )


if __name__ == "__main__":
    main()
