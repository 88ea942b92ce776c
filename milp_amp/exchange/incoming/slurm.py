"""Nodes as ``scontrol show nodes`` prints them: ``Key=value`` words, a record for every ``NodeName=``."""

import re

from milp_amp.exchange.incoming.given import Given, shown
from milp_amp.exchange.incoming.host import Host, Hosts, checked_hosts

_RECORD = re.compile(r"(?:^|\s)NodeName=(\S+)(.*?)(?=\sNodeName=|\Z)", re.DOTALL)
_WORD = re.compile(r"(?:^|\s)(Gres|State)=(\S*)")
_GRES = re.compile(r"gpu(?::([A-Za-z0-9_.-]+?))?(?::([1-9][0-9]{0,5}))?(?:\(.*)?")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})")
_OUT_OF_SERVICE = ("DOWN", "DRAIN", "FAIL", "MAINT", "POWERED_DOWN", "UNKNOWN")


def slurm_hosts(given: Given) -> Hosts:
    """Read the nodes that have GPUs and are in service.

    Raises
    ------
    InputError
        If a node's ``Gres`` cannot be read, or names two kinds of GPUs.
    """
    hosts, left_out = [], []
    for name, record in _RECORD.findall("\n".join(given.lines())):
        if not _NAME.fullmatch(name):
            raise given.refusal(f"NodeName={shown(name)}", "the name of one node")
        words = dict(_WORD.findall(record))
        host = _host(given, name, words.get("Gres", ""))
        if host is None or any(word in words.get("State", "").upper() for word in _OUT_OF_SERVICE):
            left_out.append(name)
        else:
            hosts.append(host)
    return checked_hosts(given, hosts, left_out)


def _host(given: Given, name: str, resources: str) -> Host | None:
    """Return a node with its GPUs; ``None`` where it has none."""
    where = f"NodeName={name}: Gres={shown(resources)}"
    # Commas also stand between the sockets of one resource: gpu:a100:8(S:0,1).
    outside = re.sub(r"\([^)]*\)?", "", resources)
    entries = [entry for entry in outside.split(",") if entry.split(":")[0] == "gpu"]
    if not entries:
        return None
    if len(entries) > 1:
        raise given.refusal(where, "GPUs of one kind in a node")
    found = _GRES.fullmatch(entries[0])
    if found is None:
        raise given.refusal(where, "gpu:TYPE:COUNT")
    product, count = found.groups()
    if count is None and product is not None and product.isdigit():
        product, count = None, product
    if count is not None and not 0 < int(count) < 10**6:
        raise given.refusal(where, "gpu:TYPE:COUNT")
    return Host(name, 1 if count is None else int(count), product)
