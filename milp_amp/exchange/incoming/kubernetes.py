"""Nodes as ``kubectl get nodes -o json`` prints them; the labels are those of NVIDIA's GPU feature discovery."""

import re

import msgspec

from milp_amp.exchange.incoming.given import Given, shown
from milp_amp.exchange.incoming.host import Host, Hosts, checked_hosts

_RESOURCES = {"nvidia.com/gpu": "nvidia.com/gpu.product", "amd.com/gpu": "amd.com/gpu.product-name"}
"""Names of accelerators as a resource, and the label that says what they are."""

_REPLICAS = "nvidia.com/gpu.replicas"
_COUNT = re.compile(r"0|[1-9][0-9]{0,5}")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,252})")


class _Metadata(msgspec.Struct, frozen=True):
    name: str
    labels: dict[str, str] = {}


class _Status(msgspec.Struct, frozen=True):
    capacity: dict[str, str] = {}


class _Spec(msgspec.Struct, frozen=True):
    unschedulable: bool = False


class _Node(msgspec.Struct, frozen=True):
    metadata: _Metadata
    status: _Status = _Status()
    spec: _Spec = _Spec()


class _Nodes(msgspec.Struct, frozen=True):
    items: list[_Node]


def kubernetes_hosts(given: Given) -> Hosts:
    """Read the nodes that have accelerators and accept work.

    Raises
    ------
    InputError
        If the list cannot be read, or a node shares its devices.
    """
    hosts, left_out = [], []
    for node in given.json(_Nodes).items:
        if not _NAME.fullmatch(node.metadata.name):
            raise given.refusal(f"items: metadata.name {shown(node.metadata.name)}", "the name of a node")
        host = _host(given, node)
        if host is None or node.spec.unschedulable:
            left_out.append(node.metadata.name)
        else:
            hosts.append(host)
    return checked_hosts(given, hosts, left_out)


def _host(given: Given, node: _Node) -> Host | None:
    where = f"node {node.metadata.name!r}"
    labels = node.metadata.labels
    if labels.get(_REPLICAS, "1") not in ("0", "1"):
        raise given.refusal(f"{where}: {_REPLICAS} {shown(labels[_REPLICAS])}", "devices that are not shared")
    for resource, label in _RESOURCES.items():
        count = node.status.capacity.get(resource, "0")
        if not _COUNT.fullmatch(count):
            raise given.refusal(f"{where}: {resource} {shown(count)}", "a count")
        if int(count):
            return Host(node.metadata.name, int(count), labels.get(label))
    return None
