"""Alpa's submeshes, sliced by its documented rule and by nothing that wrote them."""

import json
import runpy
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from msgspec.structs import replace

from milp_amp.errors import InputError
from milp_amp.exchange.directory import training_files, write_directory
from milp_amp.exchange.targets.alpa import ALPA
from milp_amp.judge.restrictions import broken_restrictions
from tests.builders import strategy
from tests.exchange.targets.language_model import language_model, plans

EQUAL = (("a", 2, "fast", 2),)


def sliced(shapes, hosts, devices_per_host):
    """Return the hosts of every submesh: the largest are cut off first, from the first host on."""
    sizes = [int(np.prod(shape)) for shape in shapes]
    assert sum(sizes) == len(hosts) * devices_per_host
    found, host, device = {}, 0, 0
    for s in reversed(np.argsort(sizes, kind="stable")):
        rows, columns = shapes[s]
        if columns == devices_per_host:
            assert device == 0
            found[int(s)] = hosts[host : host + rows]
            host += rows
            continue
        assert rows == 1
        assert device + columns <= devices_per_host
        found[int(s)] = [hosts[host]]
        device += columns
        if device == devices_per_host:
            host, device = host + 1, 0
    return found


def check(world, plan):
    stages = json.loads(ALPA.launch(world, plan).files["stages.json"])
    assert [n for ids in stages["forward_stage_layer_ids"] for n in ids] == list(range(world.model.num_layers))
    where = sliced(stages["submesh_physical_shapes"], stages["hosts"], stages["devices_per_host"])
    for s, stage in enumerate(plan.stages):
        assert stages["forward_stage_layer_ids"][s] == list(range(*stage.layers))
        assert stages["submesh_logical_shapes"][s] == [plan.data_parallel, stage.tensor_parallel]
        assert np.prod(stages["submesh_physical_shapes"][s]) == plan.data_parallel * stage.tensor_parallel
        nodes = {f"{{host {device.partition('/')[0]}}}" for group in stage.replicas for device in group}
        assert set(where[s]) == nodes


def test_two_stages_on_two_nodes_are_two_submeshes():
    plan = strategy((0, 3, "a.1/0", "a.1/1"), (3, 4, "a.0/0", "a.0/1"))
    stages = json.loads(ALPA.launch(language_model("etth", nodes=EQUAL), plan).files["stages.json"])
    assert stages["forward_stage_layer_ids"] == [[0, 1, 2], [3]]
    assert stages["submesh_physical_shapes"] == [[1, 2], [1, 2]]
    assert stages["submesh_logical_shapes"] == [[2, 1], [2, 1]]
    assert stages["hosts"] == ["{host a.0}", "{host a.1}"]  # the later of two stages of one size is cut off first


def test_plans_that_are_not_refused_are_where_alpa_slices_them_and_keep_the_restrictions():
    tried = 0
    for nodes in (EQUAL, (("a", 1, "fast", 4),), (("a", 3, "fast", 1),), (("a", 2, "fast", 4),)):
        world = language_model("etth", nodes=nodes)
        restricted = replace(world, restrictions=ALPA.restrictions(world))
        for plan in plans(world):
            known = set(world.cluster.host_of_device)
            if any(device not in known for stage in plan.stages for group in stage.replicas for device in group):
                continue  # two devices of a node that has one
            if not ALPA.refusals(world, plan):
                check(world, plan)
                microbatches = world.workload.global_batch_size // plan.data_parallel
                assert not list(broken_restrictions(restricted, plan, microbatches))
                tried += 1
    assert tried > 50


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        (strategy((0, 4, "a.0/0", "a.1/0")), "2 devices of 2 nodes, expected devices of one node or whole nodes"),
        (strategy((0, 4, "a.0/0")), "1 devices of 1 nodes, expected all 2"),
        (
            strategy((0, 1, "a.0/0"), (1, 2, "a.1/0"), (2, 3, "a.0/1"), (3, 4, "a.1/1")),
            "where Alpa would not put it",
        ),
    ],
)
def test_what_alpa_would_put_elsewhere_is_refused(plan, reason):
    assert reason in ALPA.refusals(language_model("etth", nodes=EQUAL), plan)[0]


def test_what_is_computed_again_is_said_to_whoever_writes_the_training_program():
    world = language_model("etth", nodes=EQUAL)
    plan = strategy((0, 2, "a.0/0 a.0/1"), (2, 4, "a.1/0 a.1/1"))
    assert "remat_layer" not in ALPA.launch(world, plan).notes[0]
    full = replace(world, workload=replace(world.workload, recomputation="full"))
    assert "layer_option=ManualLayerOption(remat_layer=True)" in ALPA.launch(full, plan).notes[0]


def test_nodes_of_several_kinds_are_refused_unless_all_but_one_kind_stay_idle():
    mixed = language_model("etth")
    with pytest.raises(InputError, match=r"cluster\.nodes: of 2 × fast, 2 × slow, expected equal ones for Alpa"):
        ALPA.restrictions(mixed)
    assert ALPA.restrictions(mixed.restricted("idle b")).compact_stages


def test_the_module_reads_its_numbers_and_finds_the_hosts(tmp_path, monkeypatch):
    world = language_model("etth", nodes=EQUAL)
    plan = strategy((0, 2, "a.0/0 a.0/1"), (2, 4, "a.1/0 a.1/1"))
    place = tmp_path / "launch"
    write_directory(place, training_files(ALPA, world, plan, {"a.0": "127.0.0.1", "a.1": "localhost"}))
    assert sorted(path.name for path in place.iterdir()) == ["README.txt", "alpa_stages.py", "hostfile", "stages.json"]
    cluster = SimpleNamespace(
        host_info=[{"NodeManagerAddress": "127.0.0.1"}],
        get_virtual_physical_mesh=lambda hosts, devices: (hosts, devices),
    )
    stand_in = SimpleNamespace(get_global_cluster=lambda: cluster, ManualStageOption=lambda **fields: fields)
    monkeypatch.setitem(sys.modules, "alpa", stand_in)
    module = runpy.run_path(str(place / "alpa_stages.py"))
    assert module["devices"]() == ([0, 0], 2)
    assert module["stage_option"]()["submesh_logical_shapes"] == [(1, 2), (1, 2)]
