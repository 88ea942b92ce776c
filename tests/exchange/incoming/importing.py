"""Every importer in one call, from the samples unless a test brings other files."""

from collections.abc import Mapping
from typing import Any

from milp_amp.exchange.incoming import galvatron, huggingface, metis, piper, sailor
from milp_amp.exchange.incoming.imported import Imported
from milp_amp.exchange.incoming.zones import read_zones
from milp_amp.problem.instance import Instance
from milp_amp.problem.workload import Workload
from tests.exchange.incoming import samples
from tests.exchange.incoming.samples import given

METIS_FILES = {(t, b): f"DeviceType.A100_tp{t}_bs{b}.json" for t in (1, 2) for b in (1, 2)}


def huggingface_imported(
    config: Any = samples.CONFIG,
    hosts: Any = None,
    topologies: Mapping[str | None, Any] | None = None,
    runs: Mapping[str | None, Any] | None = None,
    batch: int = 8,
    **asked: Any,
) -> Imported:
    return huggingface.read_huggingface(
        given(config, "config.json"),
        huggingface.Asked(
            name="x",
            command="c",
            workload=Workload(global_batch_size=batch, sequence_length=1, recomputation="selective"),
            **asked,
        ),
        hosts=None if hosts is None else given(hosts, "hosts"),
        topologies=[(name, given(content, "topo.txt")) for name, content in (topologies or {}).items()],
        runs=[(name, given(content, f"nccl{k}.txt")) for k, (name, content) in enumerate((runs or {}).items())],
    )


def metis_imported(
    files: Mapping[tuple[int, int], Any] | None = None,
    cluster: Any = samples.METIS_CLUSTER,
    hosts: Any = samples.METIS_HOSTS,
    **asked: Any,
) -> Imported:
    contents = {key: samples.metis_profile(*key) for key in METIS_FILES} if files is None else files
    fields = {"name": "x", "command": "c", "batch": 8, "sequence": 128, "hidden_size": 64, "parameter_bytes": 4.0}
    return metis.read_metis(
        [given(content, METIS_FILES[key]) for key, content in contents.items()],
        given(cluster, "clusterfile.json"),
        given(hosts, "hostfile"),
        metis.Asked(**{**fields, **asked}),
    )


def sailor_imported(
    profile: Any = samples.SAILOR_PROFILE,
    sizes: Any = samples.SAILOR_SIZES,
    intra: Any = samples.SAILOR_INTRA,
    inter: Any = samples.SAILOR_INTER,
    devices: str = "zone-a:2x2xA100-40,zone-b:1x2xA100-40",
    model: str | None = None,
) -> Imported:
    zones = read_zones(devices, {})
    asked = sailor.Asked(name="x", command="c", batch=8, sequence=128, zones=zones, model=model)
    files = [
        None if content is None else given(content, name) for name, content in (("sizes", sizes), ("intra", intra))
    ]
    return sailor.read_sailor(
        {"A100-40": given(profile, "profile")},
        files[0],
        files[1],
        None if inter is None else given(inter, "inter"),
        asked,
    )


def galvatron_imported(
    computation: Any = samples.GALVATRON_TIMES,
    allreduce: Any = samples.GALVATRON_ALLREDUCE,
    p2p: Any = samples.GALVATRON_P2P,
    config: Any = samples.CONFIG,
    devices: str = "2x2xA100-80",
    hosts: Any = None,
) -> Imported:
    return galvatron.read_galvatron(
        given(computation, "computation"),
        given(allreduce, "allreduce"),
        given(config, "config.json"),
        galvatron.Asked(
            name="x",
            command="c",
            devices=devices,
            workload=Workload(global_batch_size=8, sequence_length=1024, recomputation="selective"),
        ),
        p2p=None if p2p is None else given(p2p, "p2p"),
        hosts=None if hosts is None else given(hosts, "hosts"),
    )


def piper_imported(graph: Any = samples.PIPER, **asked: Any) -> Imported:
    fields = {"batch": 8, "sequence": 1, "parameter_bytes": 4.0, "variant": "vanilla", "time_unit": "ms"}
    return piper.read_piper(given(graph, "graph.json"), piper.Asked(name="x", command="c", **{**fields, **asked}))


def checked(imported: Imported) -> Instance:
    """Return the instance, if it can be written and read again."""
    imported.document("x.json")
    return imported.instance
