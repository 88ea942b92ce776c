"""What measuring needs of a device: the only door to PyTorch, and in tests a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Part = Literal["embedding", "transformer", "head"]
PARTS: tuple[Part, ...] = ("embedding", "transformer", "head")


class OutOfMemoryError(Exception):
    """A pass does not fit on the device."""


@dataclass(frozen=True)
class Pass:
    """Milliseconds of one microbatch through one part, there and back."""

    forward_ms: float
    backward_ms: float


@dataclass(frozen=True)
class Held:
    """Bytes that one microbatch takes in one part.

    Attributes
    ----------
    stored
        Kept from the forward pass for the backward pass; weights not included.
    peak
        Most that was allocated at once in both passes, beyond what was there before; ``None`` where the device does
        not count.
    """

    stored: float
    peak: float | None


class Bench(Protocol):
    """A device with the parts of one model on it; whatever does not fit raises ``OutOfMemoryError``."""

    @property
    def machine(self) -> str:
        """What the device calls itself."""

    @property
    def software(self) -> str:
        """Name and version of what computes on it."""

    def passes(self, part: Part, microbatch_size: int, runs: int) -> Sequence[Pass]:
        """Run a part forward and backward ``runs`` times in a row, and return the time of each."""

    def updates(self, part: Part, runs: int) -> Sequence[float]:
        """Update a part's weights ``runs`` times in a row, and return the milliseconds of each."""

    def held(self, part: Part, microbatch_size: int) -> Held:
        """Run a part once and return what it holds."""
