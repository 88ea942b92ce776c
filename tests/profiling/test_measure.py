"""Medians, the chain, and what is kept when measuring ends early."""

import pytest

from milp_amp.errors import InputError
from milp_amp.profiling.measure import measure
from tests.profiling.table import TableBench, request


def test_an_entry_is_the_median_without_the_warm_up_of_every_layer_of_the_chain():
    outcome = measure(TableBench(), request(1, 4), "fast")
    assert not outcome.stopped
    first, second = outcome.measurement.profile
    assert (first.device, first.tensor_parallel, first.microbatch_size) == ("fast", 1, 1)
    assert first.forward_ms == (1, 10, 10, 5)
    assert first.backward_ms == (3, 30, 30, 15)
    assert second.microbatch_size == 4
    assert second.forward_ms == (4, 40, 40, 20)
    assert first.update_ms == second.update_ms == pytest.approx((0.1, 1, 1, 0.5))


def test_the_smallest_microbatch_comes_first():
    bench = TableBench()
    measure(bench, request(4, 1, 2), "fast")
    assert [size for part, size in bench.calls if part == "head"] == [1, 2, 4]


def test_memory_is_told_per_sequence():
    found = measure(TableBench(), request(4), "fast").measurement
    assert found.stored_MB == (1, 10, 10, 5)
    assert found.peak_MB == (2, 20, 20, 10)


def test_a_device_that_does_not_count_has_no_peak():
    assert measure(TableBench(counts=False), request(1), "fast").measurement.peak_MB is None


def test_the_circumstances_are_kept():
    found = measure(TableBench(), request(1), "fast").measurement.measured
    assert (found.machine, found.software, found.precision) == ("table", "arithmetic 1.0", "float32")
    assert (found.sequence, found.repetitions) == (16, 3)


def test_what_does_not_fit_ends_the_measurement_and_keeps_what_fits():
    bench = TableBench(largest=2)
    outcome = measure(bench, request(1, 2, 4, 8), "fast")
    assert [entry.microbatch_size for entry in outcome.measurement.profile] == [1, 2]
    assert outcome.stopped == "--microbatches: 4 does not fit on table, the largest measured is 2"
    assert not outcome.interrupted
    assert max(size for _, size in bench.calls) == 4


def test_nothing_that_fits_is_an_error_that_says_so():
    with pytest.raises(InputError, match=r"^--microbatches: 4 does not fit on table, expected a smaller one$"):
        measure(TableBench(largest=2), request(4, 8), "fast")


def test_ctrl_c_keeps_the_sizes_that_are_whole():
    outcome = measure(TableBench(interrupted_at=4), request(1, 2, 4, 8), "fast")
    assert [entry.microbatch_size for entry in outcome.measurement.profile] == [1, 2]
    assert outcome.interrupted
    assert outcome.stopped == "interrupted: measured up to microbatch size 2"


def test_ctrl_c_before_anything_is_measured_is_an_interruption():
    with pytest.raises(KeyboardInterrupt):
        measure(TableBench(interrupted_at=1), request(1, 2), "fast")
