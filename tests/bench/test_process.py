"""A run is a process with limits, and whatever it dies of has a name."""

import threading
import time
from pathlib import Path

import psutil
import pytest

from milp_amp.bench import process
from milp_amp.bench.process import Finished, Stopped, execute
from milp_amp.bench.task import Settings
from tests.bench.benches import fake, jobs


def run(settings: Settings | None = None, **wishes: object) -> Finished:
    (job,) = jobs()
    return execute(job, settings or Settings(), fake(**wishes))


def test_a_run_that_answers_has_its_status_its_value_and_its_result():
    finished = run()
    assert finished.outcome.happened == "feasible"
    assert finished.outcome.answer is not None
    assert finished.outcome.answer.objective == pytest.approx(1.94)
    assert b'"instance": "instance-0.json"' in finished.result


def test_a_solver_that_is_killed_is_named_with_its_signal():
    outcome = run(killed=0).outcome
    assert (outcome.happened, outcome.detail) == ("killed", "signal 9 (SIGKILL)")


def test_a_run_above_its_memory_is_ended_and_says_so():
    outcome = run(Settings(memory_limit_GiB=0.125), hungry=0).outcome
    assert outcome.happened == "memory"
    assert outcome.detail.endswith("GiB, limit 0.125 GiB")


def test_a_run_that_ignores_its_time_limit_is_killed_after_a_grace(monkeypatch):
    monkeypatch.setattr(process, "GRACE_S", 0.0)
    finished = run(Settings(time_limit=0.2), endless=0)
    assert finished.outcome.happened == "time limit"
    assert finished.wall_s >= 0.22


@pytest.mark.parametrize(
    ("wishes", "happened", "said"),
    [
        ({"full": 0}, "disk full", "No space left on device"),
        ({"dead": 0}, "crashed", "exit code 1: RuntimeError: the solver is beside itself"),
        ({"silent": 0}, "crashed", "exit code 0: it said nothing"),
        ({"lying": 0}, "claim failed", "claimed 0.216 s, recomputed 0.360 s"),
    ],
)
def test_every_other_end_says_what_the_process_said_last(wishes, happened, said):
    outcome = run(**wishes).outcome
    assert outcome.happened == happened
    assert said in outcome.detail
    assert "\n" not in outcome.detail


def test_a_command_that_does_not_exist_is_a_crash():
    (job,) = jobs()
    outcome = execute(job, Settings(), ("no-such-command",)).outcome
    assert outcome.happened == "crashed"
    assert "no-such-command" in outcome.detail


def test_a_disk_without_room_for_the_instance_is_a_full_disk(monkeypatch):
    def refuse(_path: Path, _content: bytes) -> int:
        raise OSError(28, "No space left on device", "instance.json")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    assert run().outcome.happened == "disk full"


def test_a_formulation_about_another_question_is_not_even_started():
    job = process.Job(task=jobs()[0].task, content=b"{}", refusal="amp_dp is about training")
    outcome = execute(job, Settings(), ("no-such-command",)).outcome
    assert (outcome.happened, outcome.detail) == ("does not fit", "amp_dp is about training")


def test_a_run_that_is_stopped_leaves_no_process_and_no_file(tmp_path):
    stop, (job,) = threading.Event(), jobs()
    threading.Timer(0.3, stop.set).start()
    pids = tmp_path / "pids"
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with pytest.raises(Stopped):
        execute(job, Settings(), fake(endless=0, pids=pids), str(scratch), stop)
    time.sleep(0.05)
    assert not psutil.pid_exists(int(pids.read_text().split()[0]))
    assert list(scratch.iterdir()) == []


def test_a_run_sees_no_more_threads_than_it_was_given():
    assert process._environment(3)["OMP_NUM_THREADS"] == "3"
