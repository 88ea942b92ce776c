"""Ten thousand damaged files: every one is an instance that can be read again, or an error of one line."""

import random
import zlib

import pytest

from milp_amp.errors import InputError
from tests.exchange.incoming import samples
from tests.exchange.incoming.importing import (
    checked,
    galvatron_imported,
    huggingface_imported,
    metis_imported,
    piper_imported,
    sailor_imported,
)
from tests.exchange.incoming.spoiling import spoiled

METIS = {key: samples.metis_profile(*key) for key in ((1, 1), (2, 1))}

IMPORTS = {
    "config": (samples.CONFIG, lambda file: huggingface_imported(file, devices="2xT4", tensor_degrees=(1,))),
    "topology": (samples.TOPOLOGY, lambda file: huggingface_imported(devices="A100-80", topologies={None: file})),
    "nccl": (samples.NCCL, lambda file: huggingface_imported(devices="2x2xA100-80", runs={None: file})),
    "nccl-json": (samples.NCCL_JSON, lambda file: huggingface_imported(devices="2xH100", runs={"inside": file})),
    "hostfile": (samples.HOSTFILE, lambda file: huggingface_imported(devices="A100-80", hosts=file)),
    "slurm": (samples.SLURM, lambda file: huggingface_imported(hosts=file)),
    "kubernetes": (samples.KUBERNETES, lambda file: huggingface_imported(hosts=file)),
    "metis": (METIS[1, 1], lambda file: metis_imported({**METIS, (1, 1): file})),
    "metis-cluster": (samples.METIS_CLUSTER, lambda file: metis_imported(METIS, cluster=file)),
    "metis-hosts": (samples.METIS_HOSTS, lambda file: metis_imported(METIS, hosts=file)),
    "sailor": (samples.SAILOR_PROFILE, lambda file: sailor_imported(file)),
    "sailor-sizes": (samples.SAILOR_SIZES, lambda file: sailor_imported(sizes=file)),
    "sailor-inter": (samples.SAILOR_INTER, lambda file: sailor_imported(inter=file)),
    "galvatron": (samples.GALVATRON_TIMES, lambda file: galvatron_imported(file)),
    "galvatron-allreduce": (samples.GALVATRON_ALLREDUCE, lambda file: galvatron_imported(allreduce=file)),
    "galvatron-p2p": (samples.GALVATRON_P2P, lambda file: galvatron_imported(p2p=file)),
    "piper": (samples.PIPER, piper_imported),
    "partitioning": (samples.PARTITIONING, piper_imported),
    "galvatron-hosts": (samples.HOSTFILE, lambda file: galvatron_imported(hosts=file, devices="A100-80")),
    "sailor-intra": (samples.SAILOR_INTRA, lambda file: sailor_imported(intra=file)),
}

EACH = 500
LONGEST_LINE = 2000


@pytest.mark.parametrize("kind", IMPORTS)
def test_a_damaged_file_is_an_instance_or_one_line(kind):
    content, read = IMPORTS[kind]
    rng = random.Random(zlib.crc32(kind.encode()))
    outcomes = {"read": 0, "refused": 0}
    for _ in range(EACH):
        damaged = spoiled(content, rng)
        try:
            checked(read(damaged))
            outcomes["read"] += 1
        except InputError as failure:
            line = str(failure)
            assert len(line.splitlines()) == 1, damaged
            assert len(line) <= LONGEST_LINE, damaged
            outcomes["refused"] += 1
    assert outcomes["refused"] > EACH // 10


def test_that_makes_ten_thousand():
    assert len(IMPORTS) * EACH == 10_000
