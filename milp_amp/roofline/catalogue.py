"""What accelerators can do, by their makers' data sheets."""

from dataclasses import dataclass

from milp_amp.units import GBps


@dataclass(frozen=True, kw_only=True)
class Accelerator:
    """One kind of accelerator.

    Attributes
    ----------
    tflops
        10¹² dense matrix operations per second in half precision (float16 or bfloat16, whichever is used to train).
    memory_GiB, memory_GBps
        Its memory, and the bandwidth of it.
    link_GBps
        Between two devices of one node, in one direction: NVLink, Infinity Fabric, or PCIe where there is none.
    source
        Where the figures stand.
    """

    name: str
    tflops: float
    memory_GiB: float
    memory_GBps: float
    link_GBps: float
    source: str

    @property
    def peak(self) -> float:
        """Operations per second."""
        return self.tflops * 1e12

    @property
    def memory_bandwidth(self) -> float:
        """Bytes per second."""
        return self.memory_GBps * GBps

    @property
    def link(self) -> float:
        """Bytes per second between two devices of a node."""
        return self.link_GBps * GBps


ACCELERATORS = (
    Accelerator(
        name="A100-80",
        tflops=312,
        memory_GiB=80,
        memory_GBps=2039,
        link_GBps=300,
        source="NVIDIA A100 Tensor Core GPU data sheet, SXM 80 GB: 312 TFLOP/s, 2,039 GB/s, NVLink 600 GB/s both ways",
    ),
)
"""The catalogue, by name."""
