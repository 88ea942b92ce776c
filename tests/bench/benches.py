"""Jobs for benchmarks in which nothing is solved: a fake stands in for the solver."""

import sys
from pathlib import Path

from milp_amp.bench.task import Job, Task, digest_of

FAKE = Path(__file__).with_name("fake_solve.py")


def fake(**wishes: object) -> tuple[str, ...]:
    """Return the command of the fake; see there what it can be wished to do."""
    return (sys.executable, "-I", "-S", str(FAKE), *(f"{name}={value}" for name, value in wishes.items()))


def jobs(instances: int = 1, seeds: int = 1, formulations: tuple[str, ...] = ("amp_dp",)) -> tuple[Job, ...]:
    return tuple(
        job(f"family/instance-{number}", formulation, seed)
        for number in range(instances)
        for formulation in formulations
        for seed in range(seeds)
    )


def job(instance: str, formulation: str = "amp_dp", seed: int = 0, content: bytes = b"{}") -> Job:
    task = Task(instance=instance, digest=digest_of(content), formulation=formulation, cost_model="pipeline", seed=seed)
    return Job(task=task, content=content)
