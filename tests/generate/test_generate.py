"""What is generated is what was asked for."""

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milp_amp.cost.network import measure
from milp_amp.errors import InputError, InstanceError
from milp_amp.generate.document import document
from milp_amp.generate.instance import generate
from milp_amp.generate.request import KINDS, NETWORKS, Request
from milp_amp.problem.files import decode_json
from milp_amp.problem.instance import Instance

GBps = 1e9


def made(kind="islands", devices=64, layers=12, **fields):
    return generate(Request(kind=kind, devices=devices, layers=layers, **fields), "made", "for a test")


@st.composite
def requests(draw):
    kind = draw(st.sampled_from(list(KINDS)))
    types, size = draw(st.integers(1, 5)), KINDS[kind]
    return Request(
        kind=kind,
        devices=size * draw(st.integers(5, 16)),
        layers=draw(st.integers(12, 20)),
        types=types,
        seed=draw(st.integers(0, 2**63 - 1)),
        uneven=draw(st.booleans()),
        groups=draw(st.none() | st.integers(types, 5)),
        network=draw(st.sampled_from(list(NETWORKS))),
        shared_nic=draw(st.booleans()),
        oversubscription=draw(st.sampled_from([1.0, 3.0])),
    )


@given(requests())
@settings(max_examples=40, deadline=None)
def test_a_request_is_one_file_and_the_file_is_the_instance(request):
    world = generate(request, "made", "for a test")
    assert document(world) == document(generate(request, "made", "for a test"))
    assert decode_json(document(world), Instance, InstanceError, "made") == world
    assert world.cluster.num_devices == request.devices
    assert world.model.num_layers == request.layers


def test_another_seed_is_another_instance_where_anything_is_drawn():
    assert made(uneven=True, seed=1) != made(uneven=True, seed=2)
    assert made(seed=1) == made(seed=2)


def test_even_blocks_are_one_entry_and_uneven_ones_differ_by_their_factors():
    assert [layer.repeat for layer in made().model.layers] == [1, 10, 1]
    uneven = made(uneven=True)
    block, hidden = 12 * 2048**2, made().profile[0].forward_ms[1]
    for layer, forward in zip(uneven.model.layers[1:-1], uneven.profile[0].forward_ms[1:-1], strict=True):
        factor = layer.parameters / block
        assert 0.5 <= factor <= 1.5
        assert forward - 0.2 == pytest.approx(factor * (hidden - 0.2), rel=2e-3)  # four digits are written


def test_a_block_takes_as_long_as_its_products_and_its_reductions():
    """24 s h² + 4 s² h operations at 0.4 × 312 TFLOP/s; on two devices two all-reduces of s h elements of 2 bytes."""
    s, h = 2048, 2048
    products = (24 * s * h * h + 4 * s * s * h) / (0.4 * 312e12) * 1e3
    reductions = 2 * (2 * s * h) / 300e9 * 1e3
    block = {(x.tensor_parallel, x.microbatch_size): x.forward_ms[1] for x in made().profile}
    assert block[1, 1] == pytest.approx(0.2 + products, rel=1e-3)
    assert block[2, 8] == pytest.approx(0.2 + 8 * (products / 2 + reductions), rel=1e-3)


def test_nodes_of_an_island_share_its_slow_way_out():
    between = measure(made(devices=64, types=2).cluster).between
    assert between[0, 1] == 12.5 * GBps
    assert between[0, 4] == 2.5 * GBps


@pytest.mark.parametrize(("oversubscription", "expected"), [(1.0, 12.5), (2.0, 12.5), (4.0, 6.25)])
def test_an_oversubscribed_pod_sends_less_to_the_core_than_its_two_nodes_could(oversubscription, expected):
    between = measure(made("fat-tree", devices=32, oversubscription=oversubscription).cluster).between
    assert between[0, 1] == 12.5 * GBps
    assert between[0, 2] == expected * GBps


@pytest.mark.parametrize("network", NETWORKS)
def test_a_matrix_is_its_links_as_they_stand(network):
    world, speeds = made("matrix", devices=32, network=network), NETWORKS[network]
    between = measure(world.cluster).between
    given_links = {(link.source, link.target): link.bandwidth for link in world.cluster.links}
    hosts = world.cluster.hosts
    assert len(given_links) == 28
    for v, w in combinations(hosts, 2):
        assert between[v.index, w.index] == pytest.approx(given_links[v.group.name, w.group.name])
        assert speeds.least * GBps <= between[v.index, w.index] <= speeds.most * GBps
    assert {between[v.index, v.index] for v in hosts} == {speeds.inside * GBps}
    assert len({host.group.device for host in hosts}) == len(hosts)
    assert world.cluster.contention == "slowest_pair"


def test_shared_network_cards_have_a_limit_each():
    cluster = made("matrix", devices=32, shared_nic=True).cluster
    assert cluster.contention == "shared"
    assert len({group.nic_GBps for group in cluster.nodes}) == 8
    assert all(group.nic_GBps and 0.6 <= group.nic_GBps <= 12.5 for group in cluster.nodes)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"devices": 8}, "--devices: 8, expected from 16 to 16384"),
        ({"devices": 20}, "--devices: 20, expected a multiple of the 8 devices of a node"),
        ({"kind": "matrix", "devices": 512}, "--devices: 512, expected from 16 to 256"),
        ({"layers": 11}, "--layers: 11, expected from 12 to 512"),
        ({"types": 6}, "--types: 6, expected from 1 to 5"),
        ({"seed": -1}, "--seed: -1"),
        ({"batch": 0}, "--batch: 0"),
        ({"hidden_size": 1}, "--hidden: 1"),
        ({"types": 3, "groups": 2}, "--groups: 2, expected at least one for each of the 3 types"),
        ({"groups": 9}, "--groups: 9, expected at most the 8 nodes"),
        ({"oversubscription": float("nan")}, "--oversubscription: nan"),
        ({"tensor_degrees": (16,)}, "--tensor-degrees: 16, expected one of at most 8"),
        ({"tensor_degrees": ()}, "--tensor-degrees: nothing"),
        ({"microbatch_sizes": (1, 1)}, "--microbatches: 1,1, expected different numbers"),
    ],
)
def test_what_cannot_be_generated_is_refused_by_the_name_of_its_option(fields, complaint):
    with pytest.raises(InputError) as refused:
        made(**fields)
    assert complaint in str(refused.value)
