"""Servers from placements: chains of machines through all layers, the fastest behind the fastest."""

import pytest
from msgspec.structs import replace

from milp_amp.errors import PlanError
from milp_amp.exchange.servers import Server, servers_of_placement, servers_of_plan
from milp_amp.exchange.targets.decoder import decoder
from milp_amp.plan.placement import Placement
from milp_amp.problem.cluster import Cluster, DeviceType, Link, NodeGroup
from milp_amp.problem.serving import Performance, ServedModel, ServingInstance
from tests.builders import strategy
from tests.exchange.targets.language_model import language_model

WORLD = ServingInstance(
    schema_version=1,
    question="serving",
    name="four machines",
    source="built for a test",
    model=ServedModel(name="four layers", num_layers=4, activation_bytes=1.0, token_bytes=1.0),
    cluster=Cluster(
        device_types={"fast": DeviceType(memory_GiB=1), "slow": DeviceType(memory_GiB=1)},
        nodes=(
            NodeGroup(name="f", count=2, device="fast", devices=2, bandwidth_GBps=1),
            NodeGroup(name="s", count=2, device="slow", devices=1, bandwidth_GBps=1),
        ),
        switches=("switch",),
        links=tuple(Link(source=name, target="switch", bandwidth_GBps=1) for name in "fs"),
    ),
    performance={"f": Performance(tokens_per_s=(9, 8, 7, 6)), "s": Performance(tokens_per_s=(4, 3, 2, 1))},
    coordinator_GBps=1.0,
)


def shape(server: Server):
    return [(stage.node, stage.layers, stage.devices) for stage in server.stages]


def placed(**layers):
    return Placement(layers={name.replace("_", "."): interval for name, interval in layers.items()})


def test_two_chains_pair_the_fastest_machines():
    servers = servers_of_placement(WORLD, placed(s_0=(0, 2), f_0=(2, 4), f_1=(0, 2), s_1=(2, 4)))
    assert [shape(server) for server in servers] == [
        [("f.1", 2, (0, 1)), ("f.0", 2, (0, 1))],
        [("s.0", 2, (0,)), ("s.1", 2, (0,))],
    ]


def test_a_machine_with_all_layers_is_a_server_beside_a_chain():
    servers = servers_of_placement(WORLD, placed(f_0=(0, 4), f_1=(0, 1), s_0=(1, 4)))
    assert sorted(server.layers for server in servers) == [(1, 3), (4,)]


def test_machines_of_which_more_end_than_begin_are_no_chains():
    with pytest.raises(PlanError, match="2 machines end at layer 2 and 1 begin there"):
        servers_of_placement(WORLD, placed(f_0=(0, 2), s_0=(0, 2), f_1=(2, 4)))


def test_a_request_that_enters_a_machine_amid_its_layers_has_no_chain():
    with pytest.raises(PlanError, match="partial_inference"):
        servers_of_placement(WORLD, replace(placed(f_0=(0, 4)), partial_inference=True))


@pytest.mark.parametrize("layers", [{}, {"f_0": (0, 5)}, {"x_0": (0, 4)}, {"f_0": (1, 4)}, {"f_0": (0, 3)}])
def test_a_placement_that_serves_nothing_is_refused(layers):
    with pytest.raises(PlanError):
        servers_of_placement(WORLD, placed(**layers))


def test_every_replica_of_a_plan_is_a_server():
    world = language_model("etth")
    plan = strategy((0, 2, "a.0/0", "a.1/1"), (2, 4, "b.0/0", "b.0/1"))
    servers = servers_of_plan(world.cluster, plan, decoder(world, "any").counts(plan))
    assert [shape(server) for server in servers] == [
        [("a.0", 1, (0,)), ("b.0", 1, (0,))],
        [("a.1", 1, (1,)), ("b.0", 1, (1,))],
    ]
