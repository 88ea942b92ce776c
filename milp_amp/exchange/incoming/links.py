"""What the link classes of ``nvidia-smi topo -m`` carry, by the accelerator that the matrix is of.

NV#
    # NVLinks of the accelerator's generation: 25 GB/s each per direction in NVLink 2, 3 and 4 (NVIDIA's Volta, Ampere
    and Hopper whitepapers), 14.0625 GB/s on an RTX 3090 (four links, 112.5 GB/s both ways; GA102 whitepaper).
PIX, PXB, PHB, NODE
    PCIe with sixteen lanes, of the accelerator's generation, whatever bridges lie on the way: 16, 32 and 64 GB/s per
    direction (PCI-SIG; the catalogue's figures).
SYS
    The connection between two processors: 10 GB/s where PCIe is of generation 3, 16 of generation 4, 22 of 5. These
    are NCCL's figures for Skylake, AMD's and Sapphire Rapids processors (``src/graph/topo.h``); the matrix does not
    name the processor.
"""

from dataclasses import dataclass

from milp_amp.errors import InputError
from milp_amp.exchange.incoming.topology import Topology
from milp_amp.roofline.catalogue import Accelerator

_NVLINK_GBPS = 25.0
_BETWEEN_PROCESSORS = {3: 10.0, 4: 16.0, 5: 22.0}
_PCIE = {3: 16.0, 4: 32.0, 5: 64.0}


@dataclass(frozen=True)
class _Ports:
    """NVLinks of an accelerator, what each carries in a direction, and its generation of PCIe."""

    links: int
    pcie: int
    link_GBps: float = _NVLINK_GBPS


_PORTS = {
    "V100-16": _Ports(6, 3),
    "V100-32": _Ports(6, 3),
    "T4": _Ports(0, 3),
    "A10G": _Ports(0, 4),
    "L4": _Ports(0, 4),
    "A100-40": _Ports(12, 4),
    "A100-80": _Ports(12, 4),
    "H100": _Ports(18, 5),
    "H100-PCIe": _Ports(12, 5),
    "H200": _Ports(18, 5),
    "GH200": _Ports(18, 5),
    "RTX-2080": _Ports(1, 3),
    "RTX-2080Ti": _Ports(2, 3),
    "RTX-3090": _Ports(4, 4, 14.0625),
    "RTX-4090": _Ports(0, 4),
    "Titan-RTX": _Ports(2, 3),
}


@dataclass(frozen=True)
class Joined:
    """How equal devices of a node are joined.

    Attributes
    ----------
    pair_GBps
        What two of them exchange, per direction.
    total_GBps
        What one of them exchanges with all others together, per direction.
    said
        The same in words.
    """

    pair_GBps: float
    total_GBps: float
    said: str


def joined(topology: Topology, accelerator: Accelerator, unequal: str = "refuse") -> Joined:
    """Return what the GPUs of a node exchange.

    Parameters
    ----------
    unequal
        What to do where some are joined better than others: ``refuse``, or take the ``slowest``.

    Raises
    ------
    InputError
        If a class is not one of the accelerator's, or they are joined unequally and that is to be refused.
    """
    if topology.gpus == 1:
        return Joined(accelerator.link_GBps, accelerator.link_GBps, "one GPU: nothing to join")
    rates = {kind: _rate(topology, kind, accelerator) for _, _, kind in topology.pairs()}
    slowest, fastest = min(rates, key=rates.__getitem__), max(rates, key=rates.__getitem__)
    if rates[slowest] < rates[fastest] and unequal == "refuse":
        raise _refusal_of_unequal(topology, rates, slowest, fastest)
    pair = rates[slowest]
    also = f", the slowest of {', '.join(sorted(rates))}" if rates[slowest] < rates[fastest] else ""
    said = f"{slowest} between {topology.gpus} {accelerator.name}{also}: {pair:g} GB/s"
    return Joined(pair, max(pair, _total(topology, accelerator, slowest, pair)), said)


def _total(topology: Topology, accelerator: Accelerator, kind: str, pair: float) -> float:
    """Return what a GPU sends to all others at once; PCIe is one port, every NVLink is one."""
    if not kind.startswith("NV"):
        return pair
    ports = _PORTS[accelerator.name]
    return min(ports.links, int(kind[2:]) * (topology.gpus - 1)) * ports.link_GBps


def _rate(topology: Topology, kind: str, accelerator: Accelerator) -> float:
    """Return gigabytes per second of a class."""
    ports = _PORTS.get(accelerator.name)
    if ports is None:
        raise topology.given.refusal(f"a matrix of {accelerator.name}", f"one of {', '.join(_PORTS)}")
    if kind.startswith("NV"):
        if int(kind[2:]) > ports.links:
            raise topology.given.refusal(
                f"{kind} for {accelerator.name}", f"at most {ports.links} NVLinks: is the type of the devices right?"
            )
        return int(kind[2:]) * ports.link_GBps
    return _BETWEEN_PROCESSORS[ports.pcie] if kind == "SYS" else _PCIE[ports.pcie]


def _refusal_of_unequal(topology: Topology, rates: dict[str, float], slowest: str, fastest: str) -> InputError:
    example = {kind: f"{a}-{b}" for a, b, kind in topology.pairs() if kind in (slowest, fastest)}
    return topology.given.refusal(
        f"{example[fastest]} is {fastest} ({rates[fastest]:g} GB/s) and {example[slowest]} is {slowest} "
        f"({rates[slowest]:g} GB/s)",
        "GPUs joined equally, or --inside slowest, --inside GBPS or --bandwidth inside=FILE to say what two exchange",
    )
