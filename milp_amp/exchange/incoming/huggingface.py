"""An instance from a model's ``config.json`` and the machines: counted layers, and links as files say they are."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from milp_amp.exchange.incoming.given import Given
from milp_amp.exchange.incoming.hosts import read_hosts
from milp_amp.exchange.incoming.imported import Imported, contradictions_refused
from milp_amp.exchange.incoming.machines import Stand, stands
from milp_amp.exchange.incoming.racks import cluster_of, host_of_node, renamed
from milp_amp.exchange.incoming.topology import read_topology
from milp_amp.exchange.incoming.wires import Wiring, wired
from milp_amp.problem.counted import Efficiency
from milp_amp.problem.instance import Instance
from milp_amp.problem.shape import ModelShape
from milp_amp.problem.workload import Workload
from milp_amp.roofline.catalogue import Accelerator
from milp_amp.roofline.config import shape_of
from milp_amp.roofline.instance import FITTED, MICROBATCH_SIZES, instance_of, sequence_length
from milp_amp.roofline.machines import NETWORK_GBPS, Machines


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the files do not say.

    Attributes
    ----------
    name
        Of the instance.
    command
        What was asked, for people.
    devices
        As ``machines.stands`` takes it.
    workload
        One step; its sequence length is replaced by the model's where ``sequence`` is ``None``.
    group_hosts
        Whether equal hosts are one group of nodes.
    inside
        As ``wires.Wiring`` takes it.
    """

    name: str
    command: str
    workload: Workload
    sequence: int | None = None
    devices: str | None = None
    group_hosts: bool = False
    network_GBps: float = NETWORK_GBPS
    inside: float | str | None = None
    microbatch_sizes: Sequence[int] = MICROBATCH_SIZES
    tensor_degrees: Sequence[int] | None = None
    efficiency: Efficiency = FITTED


def _counted(
    shape: ModelShape, machines: Sequence[Stand], accelerators: Sequence[Accelerator], asked: Asked
) -> Instance:
    """Return what ``milp-amp profile`` would, with the links that the devices have."""
    pairs = zip(machines, accelerators, strict=True)
    return instance_of(
        shape,
        tuple(Machines(stand.count, stand.devices, kind) for stand, kind in pairs),
        replace(asked.workload, sequence_length=sequence_length(shape, asked.sequence)),
        name=asked.name,
        source="",
        microbatch_sizes=asked.microbatch_sizes,
        tensor_degrees=asked.tensor_degrees,
        efficiency=asked.efficiency,
    )


@contradictions_refused()
def read_huggingface(
    config: Given,
    asked: Asked,
    *,
    hosts: Given | None = None,
    topologies: Sequence[tuple[str | None, Given]] = (),
    runs: Sequence[tuple[str | None, Given]] = (),
) -> Imported:
    """Return the instance.

    Parameters
    ----------
    topologies, runs
        As ``wires.Wiring`` takes them.

    Raises
    ------
    InputError
        If a file cannot be read, or something is not said, or said in two ways.
    """
    shape = shape_of(config.body, config.name)
    listed = None if hosts is None else read_hosts(hosts)
    matrices = tuple((name, read_topology(given)) for name, given in topologies)
    gpus = matrices[0][1].gpus if len(matrices) == 1 and matrices[0][0] is None else None
    machines = stands(asked.devices, listed, gpus)
    wiring = Wiring(
        topologies=matrices,
        runs=tuple(runs),
        network_GBps=asked.network_GBps,
        inside=asked.inside,
        reached=asked.efficiency.link,
    )
    links = wired(machines, wiring)
    counted = _counted(shape, machines, links.accelerators, asked)
    said = [config.cited, *([] if listed is None else [listed.cited]), *links.said]
    sheets = dict.fromkeys(f"{kind.name}: {kind.source}" for kind in links.accelerators)
    racks = [dataclasses.replace(rack, grouped=asked.group_hosts) for rack in links.racks]
    source = f"Imported, layers counted: {asked.command}. {'; '.join(said)}. {'; '.join(sheets)}.{renamed(racks)}"
    instance = replace(counted, cluster=cluster_of(racks, links.curves), source=source)
    return Imported(instance, host_of_node(racks))
