"""The step time of a trial under some numbers.

Layers follow their law, links their factors, and the judge's closed form puts it together: that is the step time of
the instance with the numbers in it (``bake``). Only approximate are an exchange that is limited inside nodes one way
and between them the other way, a hierarchical all-reduce whose slowest pair may be inside a node, and layers whose
seconds are those that ``cost.layers`` sets a floor for.
"""

from dataclasses import replace

from milp_amp.calibration.factors import Numbers, stage_seconds
from milp_amp.calibration.pieces import Pieces, Waits
from milp_amp.judge.prices import Prices
from milp_amp.judge.sailor import SailorPrices
from milp_amp.units import millisecond, nanosecond


def predict(pieces: Pieces, numbers: Numbers) -> float:
    """Return the predicted seconds of a step."""
    layers = [max(law.seconds(numbers) for law in laws) for laws in pieces.laws]
    if isinstance(pieces.prices, SailorPrices):
        return _sailor(pieces, numbers, layers).step_time
    return _prices(pieces, numbers, layers).step_time


def _prices(pieces: Pieces, numbers: Numbers, layers: list[float]) -> Prices:
    of = pieces.prices
    assert isinstance(of, Prices)
    fitted = 0.0 if pieces.whole else stage_seconds(numbers, pieces.tensor_parallel, pieces.microbatch_size)
    update, once = numbers.get("update_ns", 0.0) * nanosecond, numbers.get("step_ms", 0.0) * millisecond
    rings = _scaled(pieces, numbers, "synchronisation_seconds", numbers.get("synchronisation", 1.0))
    return replace(
        of,
        passes=(tuple((0.0, seconds + pieces.overhead + fitted) for seconds in layers),),
        boundary_seconds=_scaled(pieces, numbers, "boundary_seconds"),
        synchronisation_seconds=tuple(
            ring + update * held + once for ring, held in zip(rings, pieces.parameters, strict=True)
        ),
    )


def _sailor(pieces: Pieces, numbers: Numbers, layers: list[float]) -> SailorPrices:
    of, rings = pieces.prices, pieces.links
    assert isinstance(of, SailorPrices)
    assert not isinstance(rings, Waits)
    between, reached = numbers.get("link[between]", 1.0), numbers.get("synchronisation", 1.0)
    synchronisation = of.synchronisation_seconds if reached == 1 else rings(reached)
    return replace(
        of,
        layer_seconds=tuple(layers),
        forward_seconds=tuple(seconds / between for seconds in of.forward_seconds),
        backward_seconds=tuple(seconds / between for seconds in of.backward_seconds),
        synchronisation_seconds=tuple(seconds / between for seconds in synchronisation),
    )


def _scaled(pieces: Pieces, numbers: Numbers, field: str, reached: float = 1.0) -> tuple[float, ...]:
    """Return seconds of every boundary or stage: what no link changes, and what the links then take.

    Inside nodes and between them are waited for at the same time, one after the other, or as much of both as now.
    """
    links = pieces.links
    assert isinstance(links, Waits)
    inside = numbers.get("link[inside]", 1.0) * reached
    between = numbers.get("link[between]", 1.0) * reached
    columns = (getattr(prices, field) for prices in (pieces.prices, links.inside, links.between, links.fixed))
    found = []
    for now, within, across, fixed in zip(*columns, strict=True):
        parts = within - fixed, across - fixed
        after = min(max((now - fixed - max(parts)) / min(parts), 0.0), 1.0) if min(parts) > 0 else 0.0
        slower, faster = sorted((parts[0] / inside, parts[1] / between), reverse=True)
        found.append(fixed + slower + after * faster)
    return tuple(found)
