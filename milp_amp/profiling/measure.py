"""Medians over passes, and what is kept when a microbatch does not fit or nobody wants to wait."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from milp_amp.errors import InputError
from milp_amp.problem.profile import LayerTimes
from milp_amp.profiling.bench import PARTS, Bench, Held, OutOfMemoryError, Part, Pass
from milp_amp.profiling.measurement import Circumstances, Measurement
from milp_amp.profiling.request import Request
from milp_amp.units import MB

NANOSECOND_DIGITS = 6
"""Digits of a millisecond that are written: no device counts further."""

_Chain = tuple[float, ...]


@dataclass(frozen=True)
class Outcome:
    """A measurement, and why it has fewer microbatch sizes than were asked for.

    Attributes
    ----------
    stopped
        One line; empty where everything was measured.
    interrupted
        Whether that was Ctrl-C.
    """

    measurement: Measurement
    stopped: str = ""
    interrupted: bool = False


def measure(bench: Bench, request: Request, device: str) -> Outcome:
    """Measure the chain at every microbatch size, the smallest first, as long as they fit.

    Raises
    ------
    InputError
        If not even the smallest fits.
    KeyboardInterrupt
        If Ctrl-C comes before the first is done.
    """
    entries: list[LayerTimes] = []
    sizes: list[dict[Part, Held]] = []
    stopped, interrupted = "", False
    try:
        _fill(bench, request, device, entries, sizes)
    except OutOfMemoryError:
        if not entries:
            raise InputError(_too_large(bench, request, entries)) from None
        stopped = _too_large(bench, request, entries)
    except KeyboardInterrupt:
        if not entries:
            raise
        stopped, interrupted = f"interrupted: measured up to microbatch size {entries[-1].microbatch_size}", True
    return Outcome(_measurement(bench, request, device, entries, sizes[0]), stopped, interrupted)


def _fill(
    bench: Bench, request: Request, device: str, entries: list[LayerTimes], sizes: list[dict[Part, Held]]
) -> None:
    """Add one entry after the other: whatever stops this, those before it are whole."""
    runs = request.warm_up + request.repetitions
    update = {part: median(bench.updates(part, runs)[request.warm_up :]) for part in PARTS}
    for size in request.microbatch_sizes:
        timed = {part: bench.passes(part, size, runs)[request.warm_up :] for part in PARTS}
        if not sizes:
            sizes.append({part: bench.held(part, size) for part in PARTS})
        entries.append(
            LayerTimes(
                device=device,
                tensor_parallel=1,
                microbatch_size=size,
                forward_ms=_times(request, timed, lambda found: found.forward_ms),
                backward_ms=_times(request, timed, lambda found: found.backward_ms),
                update_ms=_chain(request, lambda part: round(update[part], NANOSECOND_DIGITS)),
            )
        )


def _measurement(
    bench: Bench, request: Request, device: str, entries: Sequence[LayerTimes], held: dict[Part, Held]
) -> Measurement:
    sequences = request.microbatch_sizes[0]
    peaks = [held[part].peak for part in PARTS]
    return Measurement(
        device=device,
        model=request.shape.name,
        profile=tuple(entries),
        stored_MB=_chain(request, lambda part: held[part].stored / sequences / MB),
        peak_MB=None if None in peaks else _chain(request, lambda part: (held[part].peak or 0.0) / sequences / MB),
        measured=Circumstances(
            machine=bench.machine,
            software=bench.software,
            precision=request.precision,
            sequence=request.sequence,
            repetitions=request.repetitions,
        ),
    )


def _times(request: Request, timed: dict[Part, Sequence[Pass]], time: Callable[[Pass], float]) -> _Chain:
    """Return the median of every layer of the chain."""
    return _chain(request, lambda part: round(median(map(time, timed[part])), NANOSECOND_DIGITS))


def _chain(request: Request, value: Callable[[Part], float]) -> _Chain:
    """Return a value for every layer of the chain; one transformer layer stands for all."""
    return (value("embedding"), *(value("transformer"),) * request.shape.layers, value("head"))


def _too_large(bench: Bench, request: Request, entries: Sequence[LayerTimes]) -> str:
    size = request.microbatch_sizes[len(entries)]
    most = f"the largest measured is {entries[-1].microbatch_size}" if entries else "expected a smaller one"
    return f"--microbatches: {size} does not fit on {bench.machine}, {most}"
