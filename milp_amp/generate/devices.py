"""The accelerators of generated clusters: published figures of the data sheets, and what is reached of them."""

from dataclasses import dataclass

from milp_amp.problem.cluster import DeviceType


@dataclass(frozen=True)
class Accelerator:
    """One kind of accelerator.

    Attributes
    ----------
    memory_GiB
        Of one device.
    peak
        Dense half-precision matrix products on tensor cores: floating-point operations per second.
    inside_GBps
        Between two devices of one node, per direction: NVLink, or PCIe where there is none.
    """

    name: str
    memory_GiB: float
    peak: float
    inside_GBps: float

    def device_type(self) -> DeviceType:
        """Return what an instance says of it."""
        return DeviceType(memory_GiB=self.memory_GiB)


ACCELERATORS = (
    Accelerator("A100", 80, 312e12, 300),
    Accelerator("V100", 32, 125e12, 150),
    Accelerator("T4", 16, 65e12, 16),
    Accelerator("H100", 80, 989e12, 450),
    Accelerator("A10", 24, 125e12, 32),
)
"""NVIDIA's data sheets: A100 80 GB SXM, V100 32 GB SXM2, T4, H100 SXM, A10."""

EFFICIENCY = 0.4
"""Part of the peak that large matrix products reach; Narayanan et al., SC 2021, report 0.31 to 0.52 on A100."""

LAUNCH_MS = 0.2
"""Milliseconds that a layer's kernels take however small the microbatch: an assumption."""
