"""Everything is run once, whatever comes between."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest

from milp_amp.bench import process
from milp_amp.bench.frame import frame
from milp_amp.bench.harness import run_jobs
from milp_amp.bench.journal import JOURNAL, Entry, read_entries
from milp_amp.bench.summary import summarise
from milp_amp.bench.task import Settings, Task
from milp_amp.errors import InputError
from tests.bench.benches import fake, job, jobs

ROOT = Path(__file__).parents[2]
FORMULATIONS = ("amp_dp", "interval_dp")

SLOW_BENCHMARK = """
import sys
from pathlib import Path
from milp_amp.bench.harness import run_jobs
from milp_amp.bench.task import Settings
from tests.bench.benches import fake, jobs
run_jobs(jobs(2, 3, ("amp_dp", "interval_dp")), Settings(), Path(sys.argv[1]), side_by_side=2,
         command=fake(slow=0.25, pids=sys.argv[2]))
"""


def table(entries: list[Entry]) -> str:
    """Return all that does not depend on the clock."""
    return str(summarise(frame(entries, None)).to_csv(index=False))


def test_a_hundred_runs_with_every_fault_are_a_hundred_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(process, "GRACE_S", 0.0)
    command = fake(killed="0", hungry="1", endless="2", full="3", dead="4", silent="5", lying="6")
    malformed = [job("family/malformed", name, seed, b"{malformed") for name in FORMULATIONS for seed in range(10)]
    hundred = (*jobs(4, 10, FORMULATIONS), *malformed)
    settings = Settings(time_limit=2.0, memory_limit_GiB=0.0625)
    entries = run_jobs(hundred, settings, tmp_path, side_by_side=4, command=command)
    assert len(entries) == len(read_entries(tmp_path)) == 100
    assert Counter(entry.happened for entry in entries) == {
        "killed": 8,
        "memory": 8,
        "time limit": 8,
        "disk full": 8,
        "crashed": 16,
        "claim failed": 8,
        "feasible": 12,
        "optimal": 12,
        "bad input": 20,
    }
    assert all(entry.detail for entry in entries if entry.answer is None)
    assert summarise(frame(entries, 2.0))["runs"].tolist() == [50, 50]


def test_a_benchmark_that_is_killed_three_times_loses_nothing_and_repeats_nothing(tmp_path):
    whole = run_jobs(jobs(2, 3, FORMULATIONS), Settings(), tmp_path / "whole", command=fake())
    folder, pids = tmp_path / "killed", tmp_path / "pids"
    for seconds in (0.3, 0.15, 0.4):
        running = start(folder, pids)
        wait_for_an_entry(folder, len(entries_in(folder)) + 1, running)
        time.sleep(seconds)
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    assert_none_runs(pids)
    done = entries_in(folder)
    resumed = run_jobs(jobs(2, 3, FORMULATIONS), Settings(), folder, command=fake(pids=tmp_path / "again"))
    assert len((tmp_path / "again").read_text().splitlines()) == 12 - len(done)
    assert len((folder / JOURNAL).read_bytes().splitlines()) == 12
    assert len(list((folder / "results").iterdir())) == 12
    assert table(resumed) == table(whole)


def test_ctrl_c_ends_the_runs_that_are_on_their_way_without_an_entry(tmp_path):
    running = start(tmp_path / "bench", tmp_path / "pids")
    wait_for_an_entry(tmp_path / "bench", 1, running)
    began = time.monotonic()
    running.send_signal(signal.SIGINT)
    running.wait(timeout=10)
    assert time.monotonic() - began < 5
    assert_none_runs(tmp_path / "pids")
    assert not (tmp_path / "bench" / "running").exists()


def test_what_is_asked_for_later_is_added_to_what_is_there(tmp_path):
    run_jobs(jobs(1, 1), Settings(), tmp_path, command=fake())
    entries = run_jobs(jobs(2, 2), Settings(), tmp_path, command=fake(pids=tmp_path / "pids"))
    assert len(entries) == 4
    assert len((tmp_path / "pids").read_text().splitlines()) == 3


def test_an_instance_that_has_changed_is_run_again(tmp_path):
    for content in (b"{}", b"[]"):
        changed = job("family/instance", content=content)
        run_jobs([changed], Settings(), tmp_path, command=fake(pids=tmp_path / "pids"))
    assert len((tmp_path / "pids").read_text().splitlines()) == 2


def test_a_benchmark_in_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="expected a writable folder"):
        run_jobs(jobs(), Settings(), tmp_path / "file", command=fake())


def start(folder: Path, pids: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-c", SLOW_BENCHMARK, str(folder), str(pids)],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def entries_in(folder: Path) -> dict[Task, Entry]:
    return read_entries(folder) if (folder / JOURNAL).exists() else {}


def wait_for_an_entry(folder: Path, count: int, running: "subprocess.Popen[bytes]") -> None:
    while len(entries_in(folder)) < count and running.poll() is None:
        time.sleep(0.02)


def assert_none_runs(pids: Path) -> None:
    """Assert that whoever was started has ended, or does so at once."""
    processes = []
    for line in pids.read_text().splitlines():
        with contextlib.suppress(psutil.NoSuchProcess):
            processes.append(psutil.Process(int(line.split()[0])))
    time.sleep(0.05)
    ended = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    assert [process for process in processes if process.is_running() and process.status() not in ended] == []
