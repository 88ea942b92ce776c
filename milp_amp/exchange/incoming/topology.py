"""How the GPUs of a node are joined, as ``nvidia-smi topo -m`` prints it: a matrix of link classes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from milp_amp.exchange.incoming.given import Given, shown

MAX_GPUS = 64
"""Most GPUs of a node that are read."""

_ESCAPE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
"""Terminals are told to underline the heading."""

_GPU = re.compile(r"GPU[0-9]{1,4}")
_CLASS = re.compile(r"NV[1-9][0-9]?|PIX|PXB|PHB|NODE|SYS|SOC")


@dataclass(frozen=True)
class Topology:
    """The link class of every two GPUs.

    Attributes
    ----------
    names
        The GPUs, in the order of the file.
    classes
        For every GPU its row: ``X`` for itself, ``NV#`` for # NVLinks, or how far PCIe has to go.
    """

    given: Given
    names: tuple[str, ...]
    classes: tuple[tuple[str, ...], ...]

    @property
    def gpus(self) -> int:
        """GPUs of the node."""
        return len(self.names)

    def pairs(self) -> Iterator[tuple[str, str, str]]:
        """Yield every two GPUs with the class of what joins them."""
        for i, row in enumerate(self.classes):
            for j in range(i + 1, len(row)):
                yield self.names[i], self.names[j], row[j]


def read_topology(given: Given) -> Topology:
    """Read the matrix; network cards and affinities beside it are left out.

    Raises
    ------
    InputError
        If there is no matrix, a row or a class cannot be read, or the matrix is not symmetric.
    """
    rows = [_ESCAPE.sub("", line).split() for line in given.lines()]
    heading = next((k for k, words in enumerate(rows) if words and _GPU.fullmatch(words[0])), None)
    if heading is None:
        raise given.refusal("no line that begins with GPU0", "what nvidia-smi topo -m prints")
    names = tuple(word for word in rows[heading] if _GPU.fullmatch(word))
    if len(names) > MAX_GPUS or len(set(names)) < len(names):
        raise given.refusal(f"a heading of {len(names)} GPUs", f"at most {MAX_GPUS}, every one once")
    found = {words[0]: words[1 : len(names) + 1] for words in rows[heading + 1 :] if words and words[0] in names}
    classes = tuple(_row(given, name, len(names), k, found.get(name)) for k, name in enumerate(names))
    topology = Topology(given, names, classes)
    _check_symmetry(topology)
    return topology


def _row(given: Given, name: str, gpus: int, position: int, cells: list[str] | None) -> tuple[str, ...]:
    if cells is None or len(cells) < gpus:
        raise given.refusal(f"{name}: {0 if cells is None else len(cells)} cells", f"{gpus}, one for every GPU")
    for k, cell in enumerate(cells):
        if (cell == "X") != (k == position) or not (cell == "X" or _CLASS.fullmatch(cell)):
            raise given.refusal(f"{name}, column {k}: {shown(cell)}", "X on the diagonal, else NV#, PIX, …, SYS")
    return tuple("SYS" if cell == "SOC" else cell for cell in cells)  # its name before driver 384


def _check_symmetry(topology: Topology) -> None:
    for i, row in enumerate(topology.classes):
        for j, cell in enumerate(row):
            back = topology.classes[j][i]
            if cell != back:
                ends = f"{topology.names[i]}-{topology.names[j]}"
                raise topology.given.refusal(f"{ends} is {cell} one way and {back} the other", "one class")
