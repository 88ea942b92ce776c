"""Jobs for benchmarks in which nothing is solved: a fake stands in for the solver."""

import sys
from pathlib import Path

from milp_amp.bench.suite import InstanceFile
from milp_amp.bench.tasks import Job, all_jobs

FAKE = Path(__file__).with_name("fake_solve.py")


def fake(**wishes: object) -> tuple[str, ...]:
    """Return the command of the fake; see there what it can be wished to do."""
    return (sys.executable, "-I", "-S", str(FAKE), *(f"{name}={value}" for name, value in wishes.items()))


def jobs(instances: int = 1, seeds: int = 1, formulations: tuple[str, ...] = ("amp_dp",)) -> tuple[Job, ...]:
    return all_jobs([instance(number) for number in range(instances)], formulations, ["pipeline"], range(seeds))


def instance(number: int = 0, content: bytes = b"{}") -> InstanceFile:
    return InstanceFile(label=f"family/instance-{number}", content=content, question="training")
