"""What is in the journal happened; what was torn off did not."""

import os

import pytest

from milp_amp.bench.journal import JOURNAL, Journal, read_entries
from milp_amp.bench.outcomes import Outcome
from milp_amp.bench.process import Finished
from milp_amp.bench.task import Settings
from milp_amp.errors import InputError
from tests.bench.benches import jobs


def finished(seed: int = 0) -> Finished:
    return Finished(task=jobs(seeds=seed + 1)[seed].task, outcome=Outcome(happened="crashed"), result=b"{}")


def test_an_entry_is_there_when_the_journal_is_opened_again(tmp_path):
    with Journal(tmp_path, Settings()) as journal:
        entry = journal.add(finished())
    with Journal(tmp_path, Settings()) as journal:
        assert journal.entries == {entry.task: entry}
    assert (tmp_path / "results" / f"{entry.task.name}.json").read_bytes() == b"{}"


def test_a_torn_last_line_is_dropped_and_what_follows_is_whole(tmp_path):
    with Journal(tmp_path, Settings()) as journal:
        journal.add(finished(0))
        journal.add(finished(1))
    file = tmp_path / JOURNAL
    os.truncate(file, file.stat().st_size - 5)
    with Journal(tmp_path, Settings()) as journal:
        assert journal.torn > 0
        assert [task.seed for task in journal.entries] == [0]
        journal.add(finished(2))
    assert [task.seed for task in read_entries(tmp_path)] == [0, 2]


def test_a_line_that_is_no_entry_is_refused_with_its_number(tmp_path):
    (tmp_path / JOURNAL).write_bytes(b'{"task": 1}\n')
    with pytest.raises(InputError, match=r"line 1: .*expected an entry of a benchmark"):
        Journal(tmp_path, Settings())


def test_two_benchmarks_do_not_write_to_one_folder(tmp_path):
    with Journal(tmp_path, Settings()), pytest.raises(InputError, match="in use by another benchmark"):
        Journal(tmp_path, Settings())


def test_runs_under_other_limits_are_not_added_to_a_folder(tmp_path):
    Journal(tmp_path, Settings(time_limit=10)).__exit__()
    with pytest.raises(InputError, match=r"its runs had time_limit 10, .*in place of time_limit 60,"):
        Journal(tmp_path, Settings(time_limit=60))


def test_a_disk_that_fills_up_leaves_whole_lines_and_one_complaint(tmp_path, monkeypatch):
    with Journal(tmp_path, Settings()) as journal:
        journal.add(finished(0))
        monkeypatch.setattr(os, "fsync", _no_room)
        with pytest.raises(InputError, match=f"{JOURNAL}: No space left on device, expected a writable place"):
            journal.add(finished(1))
    monkeypatch.undo()
    with Journal(tmp_path, Settings()) as journal:
        assert (journal.torn, [task.seed for task in journal.entries]) == (0, [0])


def test_no_journal_is_no_earlier_benchmark(tmp_path):
    with pytest.raises(InputError, match="expected what a benchmark has left there"):
        read_entries(tmp_path)


def _no_room(_descriptor: int) -> None:
    raise OSError(28, "No space left on device")
