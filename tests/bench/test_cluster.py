"""On a Dask cluster the same runs have the same results, also when a worker is killed."""

import contextlib
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from milp_amp.bench.frame import frame
from milp_amp.bench.harness import run_jobs
from milp_amp.bench.journal import JOURNAL, Entry
from milp_amp.bench.task import Settings
from milp_amp.errors import InputError
from tests.bench.benches import fake, jobs

distributed = pytest.importorskip("distributed")

FORMULATIONS = ("amp_dp", "interval_dp")
WORKERS = 4


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """Yield the address of a scheduler with worker processes."""
    with distributed.LocalCluster(
        n_workers=WORKERS, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        yield cluster.scheduler_address


def found(entries: list[Entry]) -> list[tuple[object, ...]]:
    return [(entry.task, entry.happened, entry.answer) for entry in entries]


def test_four_workers_find_run_for_run_what_one_machine_finds(scheduler, tmp_path):
    asked = jobs(2, 4, FORMULATIONS)
    command = fake(killed=1, dead=2)
    here = run_jobs(asked, Settings(), tmp_path / "here", command=command)
    there = run_jobs(asked, Settings(), tmp_path / "there", command=command, cluster=scheduler)
    assert found(there) == found(here)
    assert frame(there, None)["value"].equals(frame(here, None)["value"])
    for entry in (entry for entry in here if entry.answer is not None):
        result = f"results/{entry.task.name}.json"
        assert (tmp_path / "there" / result).read_bytes() == (tmp_path / "here" / result).read_bytes()


def test_a_worker_that_is_killed_in_mid_run_costs_no_run_and_doubles_none(scheduler, tmp_path):
    killed: list[int] = []

    def kill_the_worker_of_a_run(_: str) -> None:
        """After the first run, kill a worker that is in the middle of another."""
        if not killed:
            killed.append(worker_of_the_last_start(tmp_path / "pids"))
            os.kill(killed[0], signal.SIGKILL)

    asked = jobs(2, 6, FORMULATIONS)
    command = fake(slow=0.5, pids=tmp_path / "pids")
    entries = run_jobs(
        asked, Settings(), tmp_path, command=command, cluster=scheduler, progress=kill_the_worker_of_a_run
    )
    assert Counter(entry.happened for entry in entries) == {"feasible": 12, "optimal": 12}
    assert len((tmp_path / JOURNAL).read_bytes().splitlines()) == 24
    assert len((tmp_path / "pids").read_text().splitlines()) > 24


def test_a_scheduler_that_does_not_answer_is_bad_input(tmp_path, monkeypatch):
    monkeypatch.setattr("milp_amp.bench.pool.CONNECT_S", 0.5)
    with pytest.raises(InputError, match="expected the address of a Dask scheduler"):
        run_jobs(jobs(), Settings(), tmp_path, cluster="tcp://127.0.0.1:9", command=fake())


def worker_of_the_last_start(pids: Path) -> int:
    """Return the process that started a fake which is still asleep, waiting until there is one."""
    while True:
        for line in reversed(pids.read_text().splitlines()):
            with contextlib.suppress(psutil.NoSuchProcess):
                process = psutil.Process(int(line.split()[0]))
                if process.status() == psutil.STATUS_SLEEPING:
                    return process.ppid()
