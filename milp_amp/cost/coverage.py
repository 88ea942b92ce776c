"""What a profile covers: how far its affine law in the microbatch can be trusted, and what is missing."""

from collections.abc import Sequence
from dataclasses import dataclass

from milp_amp.cost.layers import entry_seconds
from milp_amp.problem.instance import Instance


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """Entries of one device type and tensor degree.

    Attributes
    ----------
    microbatch_sizes
        Measured sizes, from the smallest to the largest; none where the degree was not measured.
    interpolation_error
        Largest error of a measured size between two others if they had to stand for it, as a fraction of the whole
        model's seconds; ``None`` below three sizes.
    extrapolation_error
        Error of the largest size if the two before had to stand for it, likewise.
    """

    device: str
    tensor_parallel: int
    microbatch_sizes: tuple[int, ...]
    interpolation_error: float | None = None
    extrapolation_error: float | None = None


def coverage(instance: Instance) -> tuple[Coverage, ...]:
    """Return a row for every device type and every tensor degree that is measured, or missing on one of them.

    A degree is missing where another type has it and the device's nodes are large enough for it. A plan may not use it
    there.
    """
    degrees = sorted({entry.tensor_parallel for entry in instance.profile})
    room = dict.fromkeys(instance.cluster.device_types, 0)
    for group in instance.cluster.nodes:
        room[group.device] = max(room[group.device], group.devices)
    rows = [_of(instance, device, t) for device in room for t in degrees if t <= room[device]]
    return tuple(rows)


def _of(instance: Instance, device: str, tensor_parallel: int) -> Coverage:
    points = sorted(
        (entry.microbatch_size, sum(float(part.sum()) for part in entry_seconds(entry, again=0.0)))
        for entry in instance.profile
        if (entry.device, entry.tensor_parallel) == (device, tensor_parallel)
    )
    between = [
        abs(_line(low, high, x) / y - 1) for low, (x, y), high in zip(points, points[1:], points[2:], strict=False)
    ]
    return Coverage(
        device=device,
        tensor_parallel=tensor_parallel,
        microbatch_sizes=tuple(size for size, _ in points),
        interpolation_error=max(between, default=None),
        extrapolation_error=_beyond(points),
    )


def _beyond(points: Sequence[tuple[int, float]]) -> float | None:
    if len(points) < 3:
        return None
    *_, low, high, (size, seconds) = points
    return abs(_line(low, high, size) / seconds - 1)


def _line(low: tuple[int, float], high: tuple[int, float], size: int) -> float:
    """Return the seconds of a size on the line through two points."""
    (x, y), (z, w) = low, high
    return y + (w - y) * (size - x) / (z - x)
