"""Layers as other tools list them: one entry each, of which equal neighbours become one."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from milp_amp.exchange.incoming.given import Given
from milp_amp.problem.model import MAX_LAYERS, Layer


def merged(chain: Sequence[Layer]) -> tuple[Layer, ...]:
    """Return the chain with equal neighbours written once."""
    layers: list[Layer] = []
    for layer in chain:
        if layers and replace(layers[-1], repeat=1) == layer:
            layers[-1] = replace(layers[-1], repeat=layers[-1].repeat + 1)
        else:
            layers.append(layer)
    return tuple(layers)


def whole_and_divided(kept: Mapping[int, float]) -> tuple[float, float]:
    """Return the part that every device of a tensor group keeps whole, and the part that the group divides.

    Parameters
    ----------
    kept
        What one device keeps, by the tensor degree. The smallest and the largest degree decide; one alone is taken to
        be whole.
    """
    low, high = min(kept), max(kept)
    if low == high:
        return kept[low], 0.0
    divided = (kept[low] - kept[high]) / (1 / low - 1 / high)
    divided = min(max(0.0, divided), kept[low] * low)
    return kept[low] - divided / low, divided


def check_length(given: Given, what: str, found: int, expected: int | None = None) -> int:
    """Return a number of layers.

    Raises
    ------
    InputError
        If there are none, too many, or others than elsewhere.
    """
    if not 1 <= found <= MAX_LAYERS:
        raise given.refusal(f"{what}: {found} layers", f"1 to {MAX_LAYERS}")
    if expected is not None and found != expected:
        raise given.refusal(f"{what}: {found} layers", f"{expected}, as elsewhere")
    return found


def kind_at(position: int, length: int) -> str:
    """Return what a layer of a language model's chain is called: the first and the last one are no transformers."""
    if position == 0:
        return "embedding"
    return "head" if position == length - 1 else "transformer"
