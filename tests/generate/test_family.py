"""The generated instances of the library are what their own ``source`` says, and can be worked with."""

import shlex
from pathlib import Path

import pytest

from benchmarks.make_family import FAMILY, row
from benchmarks.make_synthetic import TARGET, instance
from milp_amp.bounds.prepass import prepare
from milp_amp.cli import main
from milp_amp.problem.files import read

INSTANCES = Path(__file__).parents[2] / "instances"
FILES = {name: INSTANCES / "synthetic" / f"{name}.json" for name in FAMILY}
LARGEST_PREPARED = 64
LARGEST_FILE = 300_000


@pytest.mark.parametrize("name", FAMILY)
def test_the_command_in_a_file_writes_it_again_byte_for_byte(name, tmp_path):
    words = shlex.split(read(FILES[name]).source.removeprefix("Synthetic: "))
    assert words[:2] == ["milp-amp", "generate"]
    assert main([*words[1:], "--output", str(tmp_path / f"{name}.json")]) == 0
    assert (tmp_path / f"{name}.json").read_bytes() == FILES[name].read_bytes()


def test_the_table_of_the_library_has_a_row_for_every_file():
    table = (INSTANCES / "README.md").read_text().splitlines()
    assert [line for line in table if line in map(row, FAMILY)] == list(map(row, FAMILY))
    assert {path.stem for path in (INSTANCES / "synthetic").glob("*.json")} == {*FAMILY, TARGET.stem}


@pytest.mark.parametrize("name", FAMILY)
def test_a_row_says_what_is_in_the_file(name):
    world = read(FILES[name])
    _, kind, devices, types, layers, _ = (cell.strip() for cell in row(name).strip("|").split("|"))
    assert world.source.split()[3] == kind
    assert world.cluster.num_devices == int(devices)
    assert world.model.num_layers == int(layers.removesuffix(", uneven"))
    assert len(world.cluster.device_types) == (len(world.cluster.nodes) if types == "own speeds" else int(types))
    assert FILES[name].stat().st_size < LARGEST_FILE


@pytest.mark.parametrize("name", FAMILY)
def test_a_small_one_has_candidates_and_a_bound(name):
    world = read(FILES[name])
    if world.cluster.num_devices <= LARGEST_PREPARED:
        assert 0 < prepare(world).lower_bound < float("inf")


def test_the_hand_made_instance_is_what_its_script_makes():
    assert read(INSTANCES.parent / TARGET) == instance()
