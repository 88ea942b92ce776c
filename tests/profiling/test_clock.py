"""Both clocks tell milliseconds."""

import pytest

from milp_amp.profiling import clock as clocks
from milp_amp.profiling.clock import EventClock, HostClock


def test_the_host_clock_tells_milliseconds(monkeypatch):
    readings = iter([1.0, 1.25])
    monkeypatch.setattr(clocks, "perf_counter", lambda: next(readings))
    clock = HostClock()
    start, stop = clock.mark(), clock.mark()
    clock.wait()
    assert clock.milliseconds(start, stop) == pytest.approx(250)


class Queue:
    """CUDA as far as the clock sees it: an event has its time only once the device was waited for."""

    def __init__(self):
        self.recorded, self.done = [], 0

    def Event(self, enable_timing):
        assert enable_timing
        return Event(self)

    def synchronize(self):
        self.done = len(self.recorded)


class Event:
    def __init__(self, queue):
        self.queue = queue

    def record(self):
        self.queue.recorded.append(self)

    def elapsed_time(self, other):
        places = [self.queue.recorded.index(event) for event in (self, other)]
        assert max(places) < self.queue.done, "read before the device was done"
        return 2.0 * (places[1] - places[0])


def test_events_are_recorded_as_they_come_and_read_after_waiting():
    clock = EventClock(Queue())
    marks = [clock.mark() for _ in range(3)]
    clock.wait()
    assert clock.milliseconds(marks[0], marks[2]) == 4
    assert clock.milliseconds(marks[1], marks[2]) == 2
