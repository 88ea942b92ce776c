"""Measured bandwidth by message size."""

from typing import Annotated

import msgspec

from milp_amp.problem.types import Name, PositiveInt

Coefficient = Annotated[float, msgspec.Meta(ge=-1e6, le=1e6)]
"""A finite coefficient of a curve in gigabytes per second."""


class Curve(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bandwidth between devices of two sites: ``c0 x² + c1 x + c2`` GB/s, ``x = log2(bytes / 10⁶)``.

    Attributes
    ----------
    source_site, target_site
        Sites of the nodes at the two ends; absent for nodes without one.
    source_device, target_device
        Device types at the two ends.
    source_streams, target_streams
        Devices of one node that send, or receive, at the same time.
    coefficients
        ``(c0, c1, c2)``; ``c2`` is the bandwidth of one megabyte.
    """

    source_site: Name | None = None
    source_device: str
    source_streams: PositiveInt = 1
    target_site: Name | None = None
    target_device: str
    target_streams: PositiveInt = 1
    coefficients: tuple[Coefficient, Coefficient, Coefficient]

    @property
    def ends(self) -> tuple[str | None, str, int, str | None, str, int]:
        """Site, device type and streams at the source and at the target: what a transfer is looked up by."""
        source = (self.source_site, self.source_device, self.source_streams)
        return *source, self.target_site, self.target_device, self.target_streams
