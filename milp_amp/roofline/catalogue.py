"""What accelerators can do, by their makers' data sheets.

Peaks are dense, and with sums in single precision, as training needs them: a GeForce card does half of what is
printed for sums in half precision, and what is printed for sparse matrices is twice the peak. A gigabyte that is
sold as memory is a gibibyte, less a sixteenth where GDDR6 also holds the bits of its error correction.
"""

from dataclasses import dataclass

from milp_amp.errors import InputError
from milp_amp.units import GBps


@dataclass(frozen=True)
class Accelerator:
    """One kind of accelerator.

    Attributes
    ----------
    tflops
        10¹² dense matrix operations per second in half precision (float16 or bfloat16, whichever is used to train).
    memory_GiB, memory_GBps
        Its memory, and the bandwidth of it.
    link_GBps
        From one device to the others of its node, in one direction, all its links together: NVLink, Infinity Fabric,
        or PCIe where there is none, or only between two cards.
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


# Name, TFLOP/s, GiB, GB/s of the memory, GB/s inside a node, source.
ACCELERATORS = (
    Accelerator("V100-16", 125, 16, 900, 150, "NVIDIA V100 data sheet, SXM2 16 GB: six NVLinks of 25 GB/s"),
    Accelerator("V100-32", 125, 32, 900, 150, "NVIDIA V100 data sheet, SXM2 32 GB: six NVLinks of 25 GB/s"),
    Accelerator("T4", 65, 15, 320, 16, "NVIDIA T4 data sheet: 16 GB GDDR6 with error correction, PCIe 3.0 x16"),
    Accelerator("A10G", 70, 22.5, 600, 32, "NVIDIA A10G data sheet: 24 GB GDDR6 with error correction, PCIe 4.0 x16"),
    Accelerator("L4", 121, 22.5, 300, 32, "NVIDIA L4 data sheet: 24 GB GDDR6 with error correction, PCIe 4.0 x16"),
    Accelerator("A100-40", 312, 40, 1555, 300, "NVIDIA A100 data sheet, SXM 40 GB: NVLink 600 GB/s both ways"),
    Accelerator("A100-80", 312, 80, 2039, 300, "NVIDIA A100 data sheet, SXM 80 GB: NVLink 600 GB/s both ways"),
    Accelerator("H100", 989, 80, 3350, 450, "NVIDIA H100 data sheet, SXM: NVLink 900 GB/s both ways"),
    Accelerator("H100-PCIe", 756, 80, 2000, 64, "NVIDIA H100 data sheet, PCIe 5.0 x16; NVLink joins only two cards"),
    Accelerator("H200", 989, 141, 4800, 450, "NVIDIA H200 data sheet, SXM: NVLink 900 GB/s both ways"),
    Accelerator("GH200", 989, 96, 4000, 450, "NVIDIA GH200 data sheet, 96 GB HBM3: NVLink 900 GB/s both ways"),
    Accelerator("RTX-2080", 40.3, 8, 448, 16, "NVIDIA Turing whitepaper, RTX 2080 (reference clock), PCIe 3.0 x16"),
    Accelerator("RTX-2080Ti", 53.8, 11, 616, 16, "NVIDIA Turing whitepaper, RTX 2080 Ti (reference), PCIe 3.0 x16"),
    Accelerator("RTX-3090", 71, 24, 936, 32, "NVIDIA GA102 whitepaper, RTX 3090, PCIe 4.0 x16"),
    Accelerator("RTX-4090", 165.2, 24, 1008, 32, "NVIDIA Ada whitepaper, RTX 4090, PCIe 4.0 x16"),
    Accelerator("Titan-RTX", 130.5, 24, 672, 16, "NVIDIA Turing whitepaper, Titan RTX (full rate), PCIe 3.0 x16"),
    Accelerator("MI250X", 191.5, 64, 1638, 100, "AMD MI250X data sheet, one of two dies: 50 to 200 GB/s to another"),
    Accelerator("MI300X", 1307.4, 192, 5300, 448, "AMD MI300X data sheet: seven Infinity Fabric links of 64 GB/s"),
)
"""The catalogue; a die of an MI250X is a device of its own, as programs see it."""


def accelerator(name: str) -> Accelerator:
    """Return the accelerator of a name.

    Raises
    ------
    InputError
        If the catalogue has none of this name.
    """
    known = {each.name: each for each in ACCELERATORS}
    if name not in known:
        raise InputError(f"accelerator {name!r} is unknown, expected one of {', '.join(known)}")
    return known[name]
