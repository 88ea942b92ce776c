"""Seconds and bytes per second of nccl-tests, and the curve through them."""

import pytest

from milp_amp.errors import InputError
from milp_amp.exchange.incoming.fit import fitted
from milp_amp.exchange.incoming.nccl import Point, read_nccl
from tests.exchange.incoming import samples
from tests.exchange.incoming.samples import given


def test_columns_are_bytes_microseconds_and_gigabytes_per_second():
    measured = read_nccl(given(samples.NCCL))
    assert measured.points[1] == Point(size=1e6, time_us=100.0, bus_GBps=10.0)
    assert measured.peak_GBps == 20.0
    assert measured.hosts == ("worker-1", "worker-2")
    assert measured.products == ("NVIDIA A100-SXM4-80GB",)


def test_the_latency_is_what_a_small_message_takes_beyond_its_bytes():
    # 1000 bytes at 20 GB/s are 0.05 of the 10.05 microseconds.
    assert read_nccl(given(samples.NCCL)).latency_us == 10.0


def test_an_all_reduce_tells_no_latency_of_a_link():
    assert read_nccl(given(samples.NCCL.replace("sendrecv_perf", "all_reduce_perf"))).latency_us == 0.0


def test_of_devices_that_send_to_the_next_one_only_the_last_of_a_host_sends_to_another_host():
    assert read_nccl(given(samples.NCCL_TWO_EACH)).hosts.count("worker-1") == 2
    assert read_nccl(given(samples.NCCL_TWO_EACH)).streams == 1
    assert read_nccl(given(samples.NCCL_TWO_EACH.replace("sendrecv_perf", "all_reduce_perf"))).streams == 2


def test_what_one_of_several_devices_sends_is_not_what_its_host_does():
    assert read_nccl(given(samples.NCCL_TWO_EACH.replace("sendrecv_perf", "alltoall_perf"))).of_one_device
    assert not read_nccl(given(samples.NCCL.replace("sendrecv_perf", "alltoall_perf"))).of_one_device
    assert not read_nccl(given(samples.NCCL_TWO_EACH.replace("sendrecv_perf", "all_gather_perf"))).of_one_device


def test_json_says_the_same_as_columns():
    measured = read_nccl(given(samples.NCCL_JSON))
    # 2²² bytes in 100 microseconds.
    assert measured.points[2] == Point(size=2.0**22, time_us=100.0, bus_GBps=2**22 / 1e5)
    assert (measured.hosts, measured.streams) == (("worker-1", "worker-1"), 2)


def test_older_versions_have_no_column_for_the_root():
    text = "#  size count type redop time algbw busbw error time algbw busbw error\n8 2 float sum 7.5 1 2 0 7 1 3 0\n"
    assert read_nccl(given(text)).points == (Point(8, 7.5, 2),)


def test_the_curve_goes_through_points_that_lie_on_one():
    # 10, 15 and 20 GB/s at 1, 2 and 4 megabytes: 10 + 5 log2; the kilobyte is left out.
    curve = fitted(read_nccl(given(samples.NCCL)))
    assert curve.coefficients == pytest.approx((0, 5, 10), abs=1e-6)
    assert curve.worst == pytest.approx(0, abs=1e-6)


def test_two_sizes_make_no_curve():
    text = "".join(f"{size} 1 float sum -1 10.0 1.0 1.0 0 10.0 1.0 1.0 0\n" for size in (10**6, 10**7))
    assert fitted(read_nccl(given(text))) is None


def test_a_curve_that_would_be_negative_is_none():
    rates = {2**k * 10**6: rate for k, rate in enumerate((0, 0, 0, 0, 90))}
    text = "".join(f"{size} 1 float sum -1 10.0 1.0 {rate} 0 10.0 1.0 1.0 0\n" for size, rate in rates.items())
    assert fitted(read_nccl(given(text))) is None


def test_a_run_of_too_many_sizes_is_refused():
    with pytest.raises(InputError, match="at most 10000"):
        read_nccl(given("8 2 float sum -1 9.0 1.0 1.0 0 9.0 1.0 1.0 0\n" * 10_001))
