"""Closed-form step time beside the event simulation: every proved optimum, and random plans.

python benchmarks/simulation.py [--plans 500] [--seed 0]
"""

import argparse
import random
from pathlib import Path

import numpy as np

import milp_amp
from milp_amp.cost.model import CostModel, cost_model
from milp_amp.cost.network import measure
from milp_amp.judge.evaluate import evaluate
from milp_amp.judge.evaluation import Evaluation
from milp_amp.plan.strategy import Stage, Strategy
from milp_amp.problem.instance import Instance
from milp_amp.space.configuration import divisors

ROOT = Path(__file__).parents[1] / "instances"
LIBRARY = [*sorted((ROOT / "amp").glob("*.json")), ROOT / "synthetic" / "layers-98-devices-384.json"]


def random_plan(instance: Instance, dice: random.Random) -> Strategy:
    """Draw degrees, then tensor groups in any order over the cluster, then a partition."""
    t = dice.choice(sorted({entry.tensor_parallel for entry in instance.profile}))
    groups = [
        tuple(host.device(k + j) for j in range(t))
        for host in instance.cluster.hosts
        for k in range(0, host.group.devices - t + 1, t)
    ]
    dice.shuffle(groups)
    batch, layers = instance.workload.global_batch_size, instance.model.num_layers
    d = dice.choice([d for d in divisors(batch) if d <= len(groups)])
    b = dice.choice(divisors(batch // d))
    p = dice.randint(1, min(len(groups) // d, layers))
    cuts = [0, *sorted(dice.sample(range(1, layers), p - 1)), layers]
    return Strategy(
        microbatch_size=b,
        data_parallel=d,
        schedule=instance.workload.schedule,
        stages=tuple(
            Stage(layers=(cuts[s], cuts[s + 1]), tensor_parallel=t, replicas=tuple(groups[s * d : (s + 1) * d]))
            for s in range(p)
        ),
    )


def deviation(evaluation: Evaluation) -> float:
    """Return how far the simulated step lies above the closed form, as a fraction of it."""
    if evaluation.step_time is None or evaluation.simulated_step_time is None:
        raise ValueError(f"not priced: {evaluation.violations}")
    return evaluation.simulated_step_time / evaluation.step_time - 1


def random_deviations(instance: Instance, costs: CostModel, plans: int, dice: random.Random) -> list[float]:
    """Return the deviations of random plans that break no rule."""
    found: list[float] = []
    while len(found) < plans:
        evaluation = evaluate(instance, random_plan(instance, dice), costs=costs)
        if evaluation.valid:
            found.append(deviation(evaluation))
    return found


def main() -> None:
    """Print one row per optimum and one per instance's random plans, as a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plans", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    dice = random.Random(arguments.seed)
    share = arguments.plans // len(LIBRARY)
    print("| instance | closed form | simulated | deviation | random plans: least | mean | mean size | largest |")
    print("|---|---|---|---|---|---|---|---|")
    everything: list[float] = []
    for path in LIBRARY:
        instance = milp_amp.read(path)
        costs = cost_model("pipeline", instance, measure(instance.cluster))
        strategy = milp_amp.solve(instance).strategy
        assert strategy is not None
        best = evaluate(instance, strategy, costs=costs)
        drawn = np.array(random_deviations(instance, costs, share, dice))
        everything.extend(drawn)
        print(
            f"| {instance.name} | {best.step_time:.4f} s | {best.simulated_step_time:.4f} s | {deviation(best):+.1%} "
            f"| {drawn.min():+.1%} | {drawn.mean():+.1%} | {np.abs(drawn).mean():.1%} | {drawn.max():+.1%} |"
        )
    every = np.array(everything)
    print(
        f"| all {len(every)} random plans | | | | {every.min():+.1%} | {every.mean():+.1%} "
        f"| {np.abs(every).mean():.1%} | {every.max():+.1%} |"
    )


if __name__ == "__main__":
    main()
