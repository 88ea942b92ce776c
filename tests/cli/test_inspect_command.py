"""``milp-amp inspect`` as a process."""

from tests.cli.worlds import LIBRARY, milp_amp


def test_it_says_what_the_profile_covers_and_how_well():
    finished = milp_amp("inspect", LIBRARY / "sailor" / "rtx-mixed-48.json")
    assert (finished.returncode, finished.stderr) == (0, "")
    assert "48 devices: 1 × 8 RTX-3090, 3 × 8 RTX-2080, 2 × 8 Titan-RTX" in finished.stdout
    (row,) = (line for line in finished.stdout.splitlines() if line.split()[:2] == ["RTX-2080", "1"])
    assert row.split()[2:5] == ["1", "2", "4"]


def test_it_says_where_a_profile_was_counted():
    finished = milp_amp("inspect", LIBRARY / "vtrain" / "a100-8.json")
    assert "counted from the model's shape, at 0.64 of the devices' peak" in finished.stdout


def test_bad_input_is_one_line():
    finished = milp_amp("inspect", "no-such-file.json")
    assert (finished.returncode, finished.stdout) == (20, "")
    assert (
        finished.stderr == "milp-amp: error: no-such-file.json: No such file or directory, expected a readable file\n"
    )
