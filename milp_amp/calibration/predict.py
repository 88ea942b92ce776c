"""The step time of a trial under some numbers.

Layers follow their law, a transfer waits for the slower of what is inside nodes and what is between them, and the
judge's closed form puts it together.
"""

from dataclasses import replace

from milp_amp.calibration.factors import Numbers, stage_seconds
from milp_amp.calibration.pieces import Pieces
from milp_amp.judge.prices import Prices
from milp_amp.judge.sailor import SailorPrices
from milp_amp.units import millisecond, nanosecond


def predict(pieces: Pieces, numbers: Numbers) -> float:
    """Return the predicted seconds of a step."""
    overhead = 0.0 if pieces.whole else stage_seconds(numbers, pieces.tensor_parallel, pieces.microbatch_size)
    layers = [max(law.seconds(numbers) for law in laws) + overhead for laws in pieces.laws]
    if isinstance(pieces.prices, SailorPrices):
        return _sailor(pieces, numbers, layers).step_time
    return _prices(pieces, numbers, layers).step_time


def _prices(pieces: Pieces, numbers: Numbers, layers: list[float]) -> Prices:
    of = pieces.prices
    assert isinstance(of, Prices)
    update, once = numbers.get("update_ns", 0.0) * nanosecond, numbers.get("step_ms", 0.0) * millisecond
    rings = _slower(pieces, numbers, "synchronisation_seconds", numbers.get("synchronisation", 1.0))
    return replace(
        of,
        passes=(tuple((0.0, seconds) for seconds in layers),),
        boundary_seconds=_slower(pieces, numbers, "boundary_seconds"),
        synchronisation_seconds=tuple(
            ring + update * held + once for ring, held in zip(rings, pieces.parameters, strict=True)
        ),
    )


def _sailor(pieces: Pieces, numbers: Numbers, layers: list[float]) -> SailorPrices:
    of = pieces.prices
    assert isinstance(of, SailorPrices)
    return replace(
        of,
        layer_seconds=tuple(layers),
        forward_seconds=_slower(pieces, numbers, "forward_seconds"),
        backward_seconds=_slower(pieces, numbers, "backward_seconds"),
        synchronisation_seconds=_slower(
            pieces, numbers, "synchronisation_seconds", numbers.get("synchronisation", 1.0)
        ),
    )


def _slower(pieces: Pieces, numbers: Numbers, field: str, reached: float = 1.0) -> tuple[float, ...]:
    """Return seconds of every boundary or stage: the slower of what is inside nodes and what is between them."""
    inside = numbers.get("link[inside]", 1.0) * reached
    between = numbers.get("link[between]", 1.0) * reached
    parts = zip(getattr(pieces.inside, field), getattr(pieces.between, field), strict=True)
    return tuple(max(within / inside, across / between) for within, across in parts)
