"""Random worlds in which memory decides: every way to divide, to recompute and to count, and hardly enough room.

A device type has room for what some stage of the model needs under the world's own options, now and then to
the last byte, so that degrees, schedule and the number of stages to the end all matter.
"""

from random import Random

import msgspec

from milp_amp.problem.cluster import DeviceType
from milp_amp.problem.instance import Instance
from milp_amp.problem.model import Layer, Model, TransformerShape
from milp_amp.problem.workload import Workload
from milp_amp.units import GiB
from tests.agreement.drawing import plain

replace = msgspec.structs.replace

LEAST_GIB = 1e-3


def scarce(seed: int) -> Instance:
    """Return the memory-limited instance of a seed: that of ``drawing.plain`` with other options and less room."""
    random, world = Random(-1 - seed), plain(seed)
    workload = _workload(random, world.workload)
    model = replace(world.model, shape=_shape(random), layers=tuple(_layer(random, x) for x in world.model.layers))
    world = replace(world, name=f"scarce {seed}", model=model, workload=workload)
    types = {name: DeviceType(memory_GiB=_room(random, world)) for name in world.cluster.device_types}
    return replace(world, cluster=replace(world.cluster, device_types=types))


def ample(world: Instance) -> Instance:
    """Return the same question with memory that cannot bind."""
    types = {name: DeviceType(memory_GiB=1e9) for name in world.cluster.device_types}
    return replace(world, cluster=replace(world.cluster, device_types=types))


def _workload(random: Random, workload: Workload) -> Workload:
    state = random.choice((None, None, 16.0, 18.0, 20.0))
    divided: dict[str, object] = random.choice(
        ({}, {"optimizer": "distributed"}, {"zero_stage": 1}, {"zero_stage": 2}, {"zero_stage": 3})
    )
    if divided and random.random() < 0.3:
        divided = {**divided, "sharded_state_bytes": random.choice((0.0, 8.0, 16.0))}
    return replace(
        workload,
        global_batch_size=random.choice((2, 4, 4, 6, 8)),
        sequence_length=random.choice((16, 128)),
        state_bytes=state,
        recomputation=random.choice(("none", "none", "selective", "full")),
        sequence_parallel=random.random() < 0.5,
        **divided,
    )


def _shape(random: Random) -> TransformerShape | None:
    hidden = random.choice((1024, 4096))
    width = random.choice((None, hidden, 3 * hidden))
    return random.choice((None, TransformerShape(hidden_size=hidden, heads=random.choice((8, 64)), ffn_size=width)))


def _layer(random: Random, layer: Layer) -> Layer:
    """Leave it to the shape, half of the time, what a layer keeps."""
    given = random.random() < 0.5
    return layer if given else replace(layer, activation_MB=None, activation_sharded_MB=None)


def _room(random: Random, world: Instance) -> float:
    """Return GiB: what a random stage needs of one device, by its definition, and sometimes some more."""
    model, workload = world.model, world.workload
    size = random.randint((model.num_layers + 1) // 2, model.num_layers)
    start = random.randint(0, model.num_layers - size)
    held = model.chain[start : start + size]
    t, d, b, in_flight = (random.choice(values) for values in ((1, 1, 2), (1, 1, 2), (1, 1, 2), (1, 2, 3)))
    shared = {x.shared_parameters.name: x.shared_parameters.parameters for x in held if x.shared_parameters}
    parameters = sum(layer.parameters for layer in held) + sum(shared.values())
    state = (workload.kept_bytes - workload.shared_bytes + workload.shared_bytes / d) * parameters / t
    kept = sum(_kept(model, workload, layer, t) for layer in held)
    need = state + b * in_flight * kept + workload.reserve
    return max(need * random.choice((1.0, random.uniform(0.9, 2.0))) / GiB, LEAST_GIB)


def _kept(model: Model, workload: Workload, layer: Layer, t: int) -> float:
    """Bytes a layer keeps per sequence; roughly, where the shape decides."""
    given = layer.given_activation_bytes(t)
    if given is not None or model.shape is None or layer.kind != "transformer":
        return given or 0.0
    return 34 / t * workload.sequence_length * model.shape.hidden_size
