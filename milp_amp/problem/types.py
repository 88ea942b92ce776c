"""Number types that the validation library enforces where data enters."""

from typing import Annotated

import msgspec

PositiveInt = Annotated[int, msgspec.Meta(ge=1, le=10**9)]
"""A count that is at least one."""

PositiveFloat = Annotated[float, msgspec.Meta(gt=0, le=1e18)]
"""A finite quantity above zero."""

NonNegativeFloat = Annotated[float, msgspec.Meta(ge=0, le=1e18)]
"""A finite quantity that may be zero."""

Bandwidth = Annotated[float, msgspec.Meta(ge=1e-9, le=1e6)]
"""Gigabytes per second, from one byte to a petabyte: max flows are computed in whole bytes per second."""

Latency = Annotated[float, msgspec.Meta(ge=0, le=1e12)]
"""Microseconds, up to days."""

# (?![\s\S]) is the end of the text; $ would let a final newline pass.
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9][A-Za-z0-9_+ -]*(?![\s\S])")]
"""A name that can stand in a device address such as ``p3.0/2``: no dot, no slash."""

Title = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*(?![\s\S])")]
"""A name for people: one line."""
