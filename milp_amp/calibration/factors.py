"""The numbers that can be fitted, and what they do to a prediction.

``layer_time``
    Factor on the seconds of layers; ``layer_time[V100]`` on one device type, ``layer_time[t=2]`` at one tensor degree.
    Where they hold at once they are multiplied.
``layer_ms[t=2]``
    Milliseconds that every transformer layer takes per microbatch beside what grows with it.
``stage_ms``
    Milliseconds that every stage among others takes per microbatch; ``stage_ms[t>1,b<=2]`` only where a tensor group
    sends small messages.
``link[inside]``, ``link[between]``
    Factors on the bandwidths inside nodes, and between them.
``synchronisation``
    Factor on the bandwidth that synchronisation reaches, beside those of the links.
``update_ns``
    Nanoseconds in which a device updates one parameter.
``step_ms``
    Milliseconds that every step takes.
``compute``, ``memory``, ``wire``, ``launch``, ``reduction``
    Factors on the efficiencies of a counted profile (``problem.counted``), for trials of other models.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from milp_amp.units import millisecond, nanosecond

Numbers = Mapping[str, float]
"""Values by name: 1 and 0 stand for factors and addends that are not there."""


@dataclass(frozen=True)
class Factor:
    """One number that may be fitted.

    Attributes
    ----------
    unit
        Seconds in a unit of an addend; ``None`` for a factor.
    usual
        About how large an addend is, in its unit.
    signed
        Whether an addend may be negative.
    """

    name: str
    unit: float | None = None
    usual: float = 1.0
    signed: bool = False

    @property
    def neutral(self) -> float:
        """Value that changes nothing."""
        return 1.0 if self.unit is None else 0.0


EFFICIENCIES = {
    "compute": "compute",
    "memory": "memory",
    "wire": "link",
    "launch": "launch_ms",
    "reduction": "reduction_us",
}
"""Factors on a counted profile, and the field of ``Efficiency`` that each is about."""

COUNTED = tuple(EFFICIENCIES)

_ADDENDS = {
    "layer_ms": Factor("layer_ms", millisecond, 1.0, signed=True),
    "stage_ms": Factor("stage_ms", millisecond, 10.0),
    "update_ns": Factor("update_ns", nanosecond, 1.0),
    "step_ms": Factor("step_ms", millisecond, 100.0),
}


def factor(name: str) -> Factor:
    """Return the factor of a name, whatever it is restricted to."""
    known = _ADDENDS.get(name.partition("[")[0])
    return Factor(name) if known is None else Factor(name, known.unit, known.usual, known.signed)


def product(numbers: Numbers, names: Iterable[str]) -> float:
    """Return the product of the factors that are there."""
    value = 1.0
    for name in names:
        value *= numbers.get(name, 1.0)
    return value


def small_messages(name: str) -> int | None:
    """Return the largest microbatch of ``stage_ms[t>1,b<=N]``, ``None`` for any other name."""
    prefix = "stage_ms[t>1,b<="
    return int(name[len(prefix) : -1]) if name.startswith(prefix) else None


def layer_time(numbers: Numbers, device: str, tensor_parallel: int) -> float:
    """Return the factor on the seconds of layers."""
    return product(numbers, ("layer_time", f"layer_time[{device}]", f"layer_time[t={tensor_parallel}]"))


def layer_seconds(numbers: Numbers, tensor_parallel: int) -> float:
    """Return the seconds that every transformer layer takes per microbatch, whatever its size."""
    return numbers.get(f"layer_ms[t={tensor_parallel}]", 0.0) * millisecond


def stage_seconds(numbers: Numbers, tensor_parallel: int, microbatch_size: int) -> float:
    """Return the seconds that a stage among others takes per microbatch."""
    total = numbers.get("stage_ms", 0.0)
    for name, value in numbers.items():
        largest = small_messages(name)
        if largest is not None and tensor_parallel > 1 and microbatch_size <= largest:
            total += value
    return total * millisecond
