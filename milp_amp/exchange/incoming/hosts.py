"""The cluster's nodes by the names launchers know: host files, and what Slurm and Kubernetes say of their nodes.

worker-1 slots=8              mpirun, DeepSpeed; FlagScale writes type=A800 besides
worker-1:8                    MPICH, Hydra
worker-1 8                    Metis
NodeName=n1 … Gres=gpu:a100:8(S:0-1) …     scontrol show nodes
{"kind": "List", "items": […]}             kubectl get nodes -o json
"""

import re
from dataclasses import dataclass

from milp_amp.errors import InputError
from milp_amp.exchange.incoming.given import Given, shown
from milp_amp.exchange.incoming.host import Host, Hosts, checked_hosts
from milp_amp.exchange.incoming.kubernetes import kubernetes_hosts
from milp_amp.exchange.incoming.slurm import slurm_hosts

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?")
_COUNT = re.compile(r"[1-9][0-9]{0,5}")
_EXPECTED = "a line such as 'worker-1 slots=8'"
_IGNORED = ("max_slots", "max-slots")


def read_hosts(given: Given) -> Hosts:
    """Read the nodes of any of the files above, in their order.

    Raises
    ------
    InputError
        If a line cannot be read, a host stands twice, or there is none with an accelerator.
    """
    if given.is_json:
        return kubernetes_hosts(given)
    if b"NodeName=" in given.content:
        return slurm_hosts(given)
    return checked_hosts(given, listed_hosts(given))


def listed_hosts(given: Given) -> list[Host]:
    """Read the lines of a host file as they stand; a host may stand twice.

    Raises
    ------
    InputError
        If a line cannot be read.
    """
    rows = [(number, line.split("#")[0].split()) for number, line in enumerate(given.lines(), 1)]
    return [_host(given, f"line {number}", words) for number, words in rows if words]


@dataclass(frozen=True)
class _Line:
    """One line of a host file."""

    given: Given
    where: str

    def refusal(self, word: str) -> InputError:
        return self.given.refusal(f"{self.where}: {shown(word)}", _EXPECTED)

    def count(self, word: str) -> int:
        if not _COUNT.fullmatch(word):
            raise self.refusal(word)
        return int(word)


def _host(given: Given, where: str, words: list[str]) -> Host:
    line = _Line(given, where)
    name, separator, count = words[0].partition(":")
    if not _NAME.fullmatch(name):
        raise line.refusal(words[0])
    devices = line.count(count) if separator else None
    product = None
    for word in words[1:]:
        key, separator, value = word.partition("=")
        if not separator or key == "slots":
            devices = line.count(value if separator else word)
        elif key == "type" and value:
            product = value
        elif key not in _IGNORED:
            raise line.refusal(word)
    return Host(name, devices, product)
