"""The library of instances: which there are, what they ask, and what their clusters look like."""

import hashlib
import textwrap
from collections.abc import Iterable
from pathlib import Path

import msgspec

from milp_amp.errors import InstanceError
from milp_amp.problem.cluster import Cluster
from milp_amp.problem.files import read_bytes, read_question
from milp_amp.problem.instance import Instance
from milp_amp.problem.serving import ServingInstance

INDEX = "library.csv"
"""Name of the index, in the folder of the library."""

PLANS = "plans"
"""Name of the folder of the best known plans, in that of the library."""

_NO_FAMILIES = (PLANS, "schema")
_SOURCE_LETTERS = 100


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the index.

    Attributes
    ----------
    path
        ``<family>/<name>.json``, from the folder of the library.
    source
        The beginning of what the file says about its numbers.
    sha256
        Of the file, in hexadecimal.
    question
        ``training``, or ``budget`` or ``price`` where a training step may cost so much or shall cost least, or
        ``serving``.
    structure
        ``sites`` where bandwidths depend on where nodes stand; ``matrix`` where every two nodes have a link of their
        own; ``star`` around one switch; ``tree`` of switches; any other ``graph``.
    """

    path: str
    family: str
    question: str
    structure: str
    devices: int
    device_types: int
    nodes: int
    layers: int
    sha256: str
    source: str


def instance_files(folder: Path) -> tuple[str, ...]:
    """Return the paths of all instances in a library, from its folder, sorted."""
    files = (file.relative_to(folder) for file in folder.glob("*/*.json"))
    return tuple(sorted(file.as_posix() for file in files if file.parts[0] not in _NO_FAMILIES))


def entry(folder: Path, path: str) -> Entry:
    """Return the line of the index that an instance must have.

    Raises
    ------
    InstanceError
        If it cannot be read.
    """
    content = read_bytes(folder / path, InstanceError)
    instance = read_question(folder / path)
    cluster = instance.cluster
    return Entry(
        path=path,
        family=path.partition("/")[0],
        question=question(instance),
        structure=structure(cluster),
        devices=cluster.num_devices,
        device_types=len({group.device for group in cluster.nodes}),
        nodes=len(cluster.hosts),
        layers=instance.model.num_layers,
        sha256=hashlib.sha256(content).hexdigest(),
        source=textwrap.shorten(instance.source, _SOURCE_LETTERS, placeholder=" …"),
    )


def index(folder: Path) -> tuple[Entry, ...]:
    """Return the whole index as it must be."""
    return tuple(entry(folder, path) for path in instance_files(folder))


def question(instance: Instance | ServingInstance) -> str:
    """Say in one word what is asked."""
    if isinstance(instance, ServingInstance):
        return "serving"
    if instance.objective.minimise == "price":
        return "price"
    return "training" if instance.objective.most_price_per_step is None else "budget"


def structure(cluster: Cluster) -> str:
    """Say in one word what a cluster looks like, its groups of nodes written out."""
    count = {group.name: group.count for group in cluster.nodes} | dict.fromkeys(cluster.switches, 1)
    edges = _edges({frozenset((link.source, link.target)) for link in cluster.links}, count)
    nodes = len(cluster.hosts)
    if len({group.site for group in cluster.nodes}) > 1:
        return "sites"
    if not cluster.switches and edges == nodes * (nodes - 1) // 2:
        return "matrix"
    if edges != nodes + len(cluster.switches) - 1:  # a connected graph has one edge less than vertices if it is a tree
        return "graph"
    hub = set(cluster.switches)
    return "star" if len(hub) == 1 and all(hub & {link.source, link.target} for link in cluster.links) else "tree"


def _edges(ends: Iterable[frozenset[str]], count: dict[str, int]) -> int:
    """Return how many pairs of nodes or switches have a link."""
    total = 0
    for names in ends:
        one, other = (*names, *names)[:2]
        total += count[one] * (count[one] - 1) // 2 if one == other else count[one] * count[other]
    return total
