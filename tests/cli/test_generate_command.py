"""``milp-amp generate``: a file, or one line that says why not."""

import pytest

from milp_amp.problem.files import read
from tests.cli.worlds import milp_amp

SMALL = ("islands", "--devices", "16", "--layers", "12")


def test_the_instance_is_named_after_its_file_and_says_how_it_was_made(tmp_path):
    file = tmp_path / "two sites.json"
    finished = milp_amp("generate", *SMALL, "--types", 2, "--uneven", "--tensor-degrees", "1,2", "--output", file)
    assert finished.returncode == 0
    assert finished.stdout == ""
    world = read(file)
    assert world.name == "two sites"
    assert world.source == (
        "Synthetic: milp-amp generate islands --devices 16 --layers 12 --types 2 --uneven --tensor-degrees 1,2"
    )
    assert {entry.tensor_parallel for entry in world.profile} == {1, 2}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("tree", "--devices", "16", "--layers", "12"), "KIND"),
        (("islands", "--layers", "12"), "--devices"),
        ((*SMALL, "--seed", "x"), "--seed"),
        ((*SMALL, "--tensor-degrees", "1,x"), "--tensor-degrees"),
        ((*SMALL, "--microbatches", "99999999999"), "microbatch_size"),
        ((*SMALL, "--types", "7"), "--types"),
        ((*SMALL, "--network", "tin-cans"), "--network"),
    ],
)
def test_bad_options_are_one_line_and_leave_no_file(arguments, named, tmp_path):
    finished = milp_amp("generate", *arguments, "--output", tmp_path / "x.json")
    assert finished.returncode == 20
    assert finished.stdout == ""
    assert len(finished.stderr.splitlines()) == 1
    assert named in finished.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_name_of_two_lines_is_refused(tmp_path):
    finished = milp_amp("generate", *SMALL, "--output", tmp_path / "two\nlines.json")
    assert finished.returncode == 20
    assert len(finished.stderr.splitlines()) == 1
