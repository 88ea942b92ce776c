"""From a request to an instance."""

from random import Random

from milp_amp.generate.clusters import Machines, fat_tree, islands, matrix
from milp_amp.generate.request import Request
from milp_amp.generate.transformer import ELEMENT_BYTES, SEQUENCE, Transformer, transformer
from milp_amp.problem.instance import Instance
from milp_amp.problem.profile import LayerTimes
from milp_amp.problem.workload import Workload

RESERVE_GIB = 2.0
"""What a framework and its communication buffers take of every device: an assumption."""

_CLUSTERS = {"fat-tree": fat_tree, "islands": islands, "matrix": matrix}


def generate(request: Request, name: str, source: str) -> Instance:
    """Return the instance of a request; the same request and seed give the same instance on every machine.

    Raises
    ------
    ValueError
        If the numbers contradict each other in a way that the request does not show.
    """
    random = Random(request.seed)
    model = transformer(request, random)
    machines = _CLUSTERS[request.kind](request, random)
    return Instance(
        schema_version=1,
        name=name,
        source=source,
        model=model.model(f"gpt-{request.layers}-layers"),
        cluster=machines.cluster,
        profile=tuple(_profile(request, model, machines)),
        workload=Workload(
            global_batch_size=request.batch,
            sequence_length=SEQUENCE,
            element_bytes=ELEMENT_BYTES,
            optimizer=request.optimizer,
            recomputation=request.recomputation,
            reserve_GiB=RESERVE_GIB,
        ),
    )


def _profile(request: Request, model: Transformer, machines: Machines) -> list[LayerTimes]:
    return [
        LayerTimes(
            device=name,
            tensor_parallel=t,
            microbatch_size=b,
            forward_ms=model.forward_ms(speed.operations, speed.inside_GBps, t, b),
        )
        for name, speed in machines.speeds.items()
        for t in sorted(request.tensor_degrees)
        for b in sorted(request.microbatch_sizes)
        if t <= request.node_size
    ]
