"""What may be asked of the generator, and what may not."""

from dataclasses import dataclass
from typing import Literal

from milp_amp.errors import InputError
from milp_amp.problem.workload import Optimizer, Recomputation

Kind = Literal["fat-tree", "islands", "matrix"]
Network = Literal["ethernet", "infiniband", "pcie", "wide-area"]

KINDS: dict[Kind, int] = {"fat-tree": 8, "islands": 8, "matrix": 4}
"""Kinds of clusters, and the devices of one node unless asked otherwise."""


@dataclass(frozen=True)
class LinkSpeeds:
    """GB/s between any two nodes (drawn from a range) and between two devices of a node."""

    least: float
    most: float
    inside: float


NETWORKS: dict[Network, LinkSpeeds] = {
    "ethernet": LinkSpeeds(0.6, 12.5, 150.0),
    "infiniband": LinkSpeeds(12.5, 100.0, 150.0),
    "pcie": LinkSpeeds(0.6, 12.5, 8.0),
    "wide-area": LinkSpeeds(0.1, 1.25, 150.0),
}
"""Networks of a ``matrix``: 5 to 100 Gb/s, 100 to 800 Gb/s, the first without NVLink, and 1 to 10 Gb/s."""

MAX_MATRIX_NODES = 64
"""Above this a file of links between every two nodes is no longer small."""

SPARSEST_TREE = 64.0
"""Oversubscription beyond which a tree is a set of islands."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One instance to generate; the same request is the same file, byte for byte.

    Attributes
    ----------
    kind
        Of the cluster: ``fat-tree``, ``islands`` or ``matrix``.
    devices, layers, types
        How many of each. A ``matrix`` gives every node a speed of its own, around those of ``types`` devices.
    uneven
        Whether the blocks differ (by a factor from 0.5 to 1.5 in seconds and parameters) or are all equal.
    devices_per_node
        8, or 4 in a ``matrix``, unless given.
    tensor_degrees, microbatch_sizes
        What is in the profile; degrees above the devices of a node are left out.
    hidden_size
        Of the transformer; chosen by the number of layers unless given.
    groups
        Pods of a fat tree, islands of ``islands``: two, or one for each type, unless given.
    oversubscription
        How much less a fat tree's pod sends to the core than its nodes could.
    network, shared_nic
        Of a ``matrix``: the range its bandwidths are drawn from, and whether the nodes' network cards, each with
        a limit drawn from the same range, are shared by all transfers or every pair is measured for itself.
    """

    kind: Kind
    devices: int
    layers: int
    types: int = 1
    seed: int = 0
    uneven: bool = False
    devices_per_node: int | None = None
    tensor_degrees: tuple[int, ...] = (1, 2, 4, 8)
    microbatch_sizes: tuple[int, ...] = (1, 8)
    batch: int = 256
    hidden_size: int | None = None
    groups: int | None = None
    oversubscription: float = 2.0
    network: Network = "ethernet"
    shared_nic: bool = False
    optimizer: Optimizer = "replicated"
    recomputation: Recomputation = "none"

    def __post_init__(self) -> None:
        size = self.node_size
        _within("types", self.types, 1, 5)
        _within("devices", self.devices, 16, 16_384)
        _within("layers", self.layers, 12, 512)
        _within("batch", self.batch, 1, 10**6)
        _within("seed", self.seed, 0, 2**63 - 1)
        _within("devices-per-node", size, 1, 64)
        _within("oversubscription", self.oversubscription, 1.0, SPARSEST_TREE)
        if self.hidden_size is not None:
            _within("hidden", self.hidden_size, 64, 10**5)
        for option, values in (("tensor-degrees", self.tensor_degrees), ("microbatches", self.microbatch_sizes)):
            if not values or min(values) < 1 or len(set(values)) < len(values):
                raise InputError(f"--{option}: {_listed(values)}, expected different numbers of at least 1")
        if min(self.tensor_degrees) > size:
            raise InputError(f"--tensor-degrees: {_listed(self.tensor_degrees)}, expected one of at most {size}")
        if self.devices % size:
            raise InputError(f"--devices: {self.devices}, expected a multiple of the {size} devices of a node")
        if self.kind == "matrix":
            _within("devices", self.devices, 16, MAX_MATRIX_NODES * size)
        else:
            self._check_groups()

    def _check_groups(self) -> None:
        nodes, groups = self.devices // self.node_size, self.num_groups
        _within("groups", groups, 1, 64)
        if groups < self.types:
            raise InputError(f"--groups: {groups}, expected at least one for each of the {self.types} types")
        if nodes < groups:
            raise InputError(f"--groups: {groups}, expected at most the {nodes} nodes")

    @property
    def node_size(self) -> int:
        """Devices of one node."""
        return KINDS[self.kind] if self.devices_per_node is None else self.devices_per_node

    @property
    def num_nodes(self) -> int:
        """Hosts of the cluster."""
        return self.devices // self.node_size

    @property
    def num_groups(self) -> int:
        """Pods or islands."""
        return max(2, self.types) if self.groups is None else self.groups


def _within(option: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise InputError(f"--{option}: {value:g}, expected from {least:g} to {most:g}")


def _listed(values: tuple[int, ...]) -> str:
    return ",".join(map(str, values)) or "nothing"
