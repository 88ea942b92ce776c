"""Measured bandwidth: what nccl-tests prints, as columns of text or as JSON (``-J``).

``busbw`` is what a link carries whatever the collective and the number of ranks (nccl-tests, ``doc/PERFORMANCE.md``),
in 10⁹ bytes per second; ``time`` is in microseconds. Out-of-place figures are taken.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from milp_amp.exchange.incoming.given import Given

MAX_POINTS = 10_000
"""Most sizes that are read of one file."""

_DEVICE = re.compile(r"#\s*Rank\s+[0-9]+\s.*?\bPid\s+[0-9]+ on\s+(\S+) device\s+[0-9]+ \[[^\]]*\]\s*(.*\S)")
_PROGRAM = re.compile(r"(?<![a-z_])(?:sendrecv|alltoallv?|gather|scatter|hypercube)_perf")
_LINE = 2**12
"""Characters of the longest line about a device."""

_POINT_TO_POINT = "sendrecv_perf"
_OF_ONE_DEVICE = ("alltoall_perf", "alltoallv_perf", "gather_perf", "scatter_perf", "hypercube_perf")
"""Runs whose bandwidth is what one device sends to all others: those of a host send at once."""

_COLUMNS = ("size", "count", "type", "redop", "root", "time", "algbw", "busbw")
_DEPARTURES = 2**16
"""Bytes up to which the time of a message tells its latency."""


@dataclass(frozen=True)
class Point:
    """One size: bytes, microseconds, and gigabytes per second of the links."""

    size: float
    time_us: float
    bus_GBps: float


@dataclass(frozen=True)
class Measured:
    """A run of nccl-tests.

    Attributes
    ----------
    hosts
        The host of every rank; empty where the file does not say.
    products
        What the devices are called; empty where the file does not say.
    program
        What was run, such as ``sendrecv_perf``; empty for collectives that count what a whole host moves, and where
        the file does not say.
    """

    given: Given
    points: tuple[Point, ...]
    hosts: tuple[str, ...]
    products: tuple[str, ...]
    program: str

    @property
    def point_to_point(self) -> bool:
        """Whether it sends messages from each device to the next, and reduces nothing."""
        return self.program == _POINT_TO_POINT

    @property
    def peak_GBps(self) -> float:
        """The largest bandwidth of all sizes."""
        return max(point.bus_GBps for point in self.points)

    @property
    def of_one_device(self) -> bool:
        """Whether its bandwidth is that of one device while others of its host send as well."""
        together = max((self.hosts.count(host) for host in set(self.hosts)), default=1)
        return self.program in _OF_ONE_DEVICE and together > 1

    @property
    def latency_us(self) -> float:
        """Microseconds before a message's first byte; 0 where no small message was sent from device to device."""
        first = min(self.points, key=lambda point: point.size)
        if not self.point_to_point or first.size > _DEPARTURES:
            return 0.0
        return max(0.0, round(first.time_us - first.size / (self.peak_GBps * 1e3), 3))

    @property
    def streams(self) -> int:
        """Devices of one host that send to another host at once; 1 where the file does not say."""
        if self.point_to_point:  # each device to the next one: the last of a host to the first of another
            return 1
        return max((self.hosts.count(host) for host in set(self.hosts)), default=1)


def read_nccl(given: Given) -> Measured:
    """Read a run.

    Raises
    ------
    InputError
        If there is no row, a row cannot be read, or nothing was moved in any.
    """
    measured = _from_json(given) if given.is_json else _from_text(given)
    if not measured.points:
        raise given.refusal("no row of a size, its time and its bandwidth", "what nccl-tests prints")
    if len(measured.points) > MAX_POINTS:
        raise given.refusal(f"{len(measured.points)} sizes", f"at most {MAX_POINTS}")
    if measured.peak_GBps <= 0:
        raise given.refusal("a busbw of 0 in every row", "two devices or more")
    return measured


def _from_text(given: Given) -> Measured:
    lines = given.lines()
    columns = _columns(lines)
    points = []
    for number, line in enumerate(lines, 1):
        words = line.split()
        if words and words[0].isdecimal() and len(words) >= len(_COLUMNS):
            points.append(_point(given, f"line {number}", words, columns))
    devices = [found.groups() for line in lines if len(line) < _LINE and (found := _DEVICE.match(line.strip()))]
    return Measured(
        given,
        tuple(points),
        tuple(host for host, _ in devices),
        tuple(dict.fromkeys(product for _, product in devices)),
        _program(lines),
    )


def _program(texts: Iterable[str]) -> str:
    """Return the first test that is named, of those whose bandwidth is not a host's."""
    return next((found.group() for text in texts if (found := _PROGRAM.search(text))), "")


def _columns(lines: list[str]) -> dict[str, int]:
    """Return where the first time, algbw and busbw stand: older versions have no root."""
    for line in lines:
        words = line.replace("#", " ", 1).split()
        if words[:2] == ["size", "count"] and {"time", "busbw"} <= set(words):
            return {name: words.index(name) for name in ("time", "busbw")}
    return {name: _COLUMNS.index(name) for name in ("time", "busbw")}


def _point(given: Given, where: str, words: list[str], columns: dict[str, int]) -> Point:
    if len(words) <= max(columns.values()):
        raise given.refusal(f"{where}: {len(words)} columns", "a time and a busbw, out of place")
    return Point(
        size=given.number(words[0], "size", where),
        time_us=given.number(words[columns["time"]], "time", where),
        bus_GBps=given.number(words[columns["busbw"]], "busbw", where),
    )


class _Body(msgspec.Struct, frozen=True):
    """What was found for one size."""

    bus_bw: float | str
    time: float | str | None = None
    cpu_time: float | str | None = None


class _Row(msgspec.Struct, frozen=True):
    size: int
    out_of_place: _Body | None = None


class _Device(msgspec.Struct, frozen=True):
    hostname: str = ""
    device_info: str = ""


class _Config(msgspec.Struct, frozen=True):
    devices: list[_Device] = []


class _Report(msgspec.Struct, frozen=True):
    results: list[_Row]
    args: list[Any] = []
    config: _Config = _Config()


def _from_json(given: Given) -> Measured:
    report = given.json(_Report)
    points = []
    for k, row in enumerate(report.results[: MAX_POINTS + 1]):
        where, body = f"results[{k}]", row.out_of_place
        if body is None:
            raise given.refusal(f"{where}.out_of_place is missing", "a time and a bus_bw, out of place")
        time = body.cpu_time if body.time is None else body.time
        points.append(
            Point(
                given.number(str(row.size), "size", where),
                given.number(str(time), "time", where),
                given.number(str(body.bus_bw), "bus_bw", where),
            )
        )
    devices = [device for device in report.config.devices if device.hostname]
    return Measured(
        given,
        tuple(points),
        tuple(device.hostname for device in devices),
        tuple(dict.fromkeys(device.device_info for device in devices if device.device_info)),
        _program(str(word) for word in report.args[:1]),
    )
