"""What to buy: seconds per step that a node or a faster link is worth."""

import pytest

from milp_amp.plan.result import Status
from milp_amp.solving.explaining.asking import Asker
from milp_amp.solving.explaining.purchase import explain_purchase
from tests.builders import curve, instance, result, strategy

ONE_DEVICE = instance(layer_ms={"fast": [3, 3]}, nodes=[("a", 1, "fast", 1)], batch=4)
"""Four microbatches of 6 ms; with two devices two replicas run two each."""


def of(world, plan=None, **options):
    return explain_purchase(Asker(world, threads=1, **options), plan)


def worth(told, text):
    (found,) = [gain for gain in told.gains if gain.change.text == text]
    return found


def test_a_second_device_halves_the_step():
    told = of(ONE_DEVICE)
    first = told.gains[0]
    assert first.change.text == "1 more node of group a (1 × fast)"
    assert (told.result.objective, first.gain) == (pytest.approx(0.024), pytest.approx(0.012))
    assert first.per_device == pytest.approx(0.012)


def test_what_is_bought_is_sorted_by_what_it_is_worth():
    world = instance(
        layer_ms={"fast": [3, 3], "slow": [9, 9]}, nodes=[("a", 1, "fast", 1), ("b", 1, "slow", 1)], batch=4
    )
    gains = [gain.gain for gain in of(world).gains]
    assert gains == sorted(gains, reverse=True)


def test_a_node_for_every_group_of_a_type_is_bought_at_once():
    world = instance(layer_ms={"fast": [3, 3]}, nodes=[("a", 1, "fast", 1), ("b", 1, "fast", 2)], batch=4)
    gain = worth(of(world), "1 more node of every group of fast")
    assert gain.change.devices == 3
    assert gain.per_device == pytest.approx(gain.gain / 3)


def pair(**nic_GBps):
    """Return two layers, each on the only type that runs it well, that exchange 1 MB each way once in a step."""
    return instance(
        layer_ms={"one": [3, 1000], "two": [1000, 3]},
        nodes=[("a", 1, "one", 1), ("b", 1, "two", 1)],
        output_MB=[1.0, 0.0],
        batch=1,
        nic_GBps=nic_GBps,
    )


def test_a_link_twice_as_fast_is_worth_half_of_what_the_transfers_take():
    """Two layers of 3 ms and two transfers of 1 ms; then 0.5 ms each."""
    told = of(pair(a=1.0, b=8.0))
    assert told.result.objective == pytest.approx(0.008)
    assert worth(told, "link a-switch at 2 GB/s").gain == pytest.approx(0.001)


def test_of_two_equal_links_in_a_row_one_alone_is_worth_nothing():
    told = of(pair(a=1.0, b=1.0))
    assert worth(told, "link a-switch at 2 GB/s").gain == pytest.approx(0.0)
    assert worth(told, "link b-switch at 2 GB/s").gain == pytest.approx(0.0)


def test_bandwidth_inside_nodes_and_of_network_cards_can_be_bought_too():
    kinds = [gain.change.kind for gain in of(instance(nodes=[("a", 1, "fast", 2)])).gains]
    assert sorted(kinds) == ["inside", "link", "nodes"]


def test_where_messages_are_measured_bandwidth_is_bought_by_its_curves_for_all_streams_at_once():
    """Two layers of 3 ms, 2 MB (of four bytes each) there and twice back at 1 GB/s: 12 ms; then 2 ms become 1."""
    world = instance(
        layer_ms={("one", 1): [3, 1000], ("two", 1): [1000, 3]},
        nodes=[("a", 1, "one", 1), ("b", 1, "two", 1)],
        output_MB=[1.0, 0.0],
        batch=1,
        update_ms=[0.0, 0.0],
        curves=[curve(f"one/{k}", "two", 1.0) for k in (1, 2)] + [curve("two", "one", 1.0)],
    )
    told = explain_purchase(Asker(world, "sailor", threads=1))
    changes = [gain.change for gain in told.gains if gain.change.kind != "nodes"]
    assert [change.kind for change in changes] == ["curve", "curve"]
    there = worth(told, "twice the bandwidth from one to two")
    assert [each.coefficients[2] for each in there.change.question.cluster.curves] == [2.0, 2.0, 1.0]
    assert (told.result.objective, there.gain) == (pytest.approx(0.012), pytest.approx(0.001))
    assert worth(told, "twice the bandwidth from two to one").gain == pytest.approx(0.002)


def test_two_proofs_leave_nothing_open():
    told = of(ONE_DEVICE)
    gain = told.gains[0]
    assert told.result.status is gain.result.status is Status.OPTIMAL
    assert gain.at_least == pytest.approx(gain.gain)
    assert gain.at_most == pytest.approx(gain.gain)


def test_a_plan_without_a_proof_leaves_open_how_little_a_purchase_is_worth():
    """Of the old plan of 24 ms nothing is proved: all of its gain may be had without buying anything."""
    told = of(ONE_DEVICE, strategy((0, 2, "a.0/0")))
    gain = told.gains[0]
    assert gain.at_least is None
    assert gain.at_most == pytest.approx(0.012)


def test_a_bound_below_the_old_plan_says_what_a_purchase_is_worth_at_least():
    """The old optimum lies between 20 and 24 ms, the new one is 12 ms: the gain between 8 and 12 ms."""
    told = of(ONE_DEVICE, result(strategy((0, 2, "a.0/0")), 0.024, bound=0.020))
    gain = told.gains[0]
    assert (gain.at_least, gain.at_most) == (pytest.approx(0.008), pytest.approx(0.012))


def test_without_time_a_change_is_not_searched():
    told = of(ONE_DEVICE, strategy((0, 2, "a.0/0")), time_limit=1e-9)
    assert {gain.note for gain in told.gains} == {"no time was left"}


def test_where_there_is_no_plan_nothing_is_bought():
    told = of(ONE_DEVICE.restricted("data_parallel>=2"))
    assert (told.result.status, told.gains) == (Status.INFEASIBLE, ())
