"""Measured times in an instance."""

import pytest

from milp_amp.errors import InputError
from milp_amp.profiling.measure import measure
from milp_amp.profiling.merge import check_fit, merged
from tests.builders import instance
from tests.profiling.table import TableBench, request, shape

LAYERS = [3.0, 3.0, 3.0, 3.0]
TIMES = {("fast", 1, 1): LAYERS, ("fast", 2, 1): LAYERS, ("fast", 1, 2): LAYERS, ("slow", 1, 1): LAYERS}


def world(**fields):
    usual = {"layer_ms": TIMES, "nodes": [("a", 1, "fast", 2), ("b", 1, "slow", 2)], "sequence_length": 16}
    return instance(**{**usual, "element_bytes": 4.0, **fields})


def entries(found):
    return {(times.device, times.tensor_parallel, times.microbatch_size): times for times in found.profile}


def test_entries_of_the_same_key_are_replaced_in_their_place_and_new_ones_come_last():
    before = world()
    after = merged(before, measure(TableBench(), request(1, 4), "fast").measurement)
    assert list(entries(after)) == [*entries(before), ("fast", 1, 4)]
    assert entries(after)["fast", 1, 1].forward_ms == (1, 10, 10, 5)
    assert entries(after)["fast", 1, 4].forward_ms == (4, 40, 40, 20)
    for key in (("fast", 2, 1), ("fast", 1, 2), ("slow", 1, 1)):
        assert entries(after)[key] == entries(before)[key]


def test_nothing_else_changes_but_the_source_which_says_so_once():
    before, found = world(), measure(TableBench(), request(1), "fast").measurement
    once = merged(before, found)
    sentence = "Layer times of fast at tensor degree 1: arithmetic 1.0 on table, float32."
    assert once.source == f"{before.source} {sentence}"
    assert merged(once, found) == once
    assert (once.model, once.cluster, once.workload) == (before.model, before.cluster, before.workload)


def test_an_instance_that_fits_is_accepted():
    check_fit(world(), request(1), "fast")


@pytest.mark.parametrize(
    ("fields", "device", "asked", "complaint"),
    [
        ({}, "fats", {}, "--device-name: 'fats' is unknown, expected one of fast, slow"),
        ({}, "fast", {"shape": shape(layers=3)}, "tiny: a chain of 5 layers .*, expected 4 "),
        ({}, "fast", {"sequence": 8}, "--sequence: 8, expected 16 .workload.sequence_length"),
        ({}, "fast", {"precision": "bfloat16"}, "--dtype: bfloat16 has 2 bytes per element, expected 4 "),
        ({"element_bytes": 2.0}, "fast", {}, "--dtype: float32 has 4 bytes per element, expected 2 "),
    ],
)
def test_an_instance_of_something_else_is_refused_before_anything_is_measured(fields, device, asked, complaint):
    with pytest.raises(InputError, match=f"^{complaint}"):
        check_fit(world(**fields), request(1, **asked), device)
