"""Small random questions about serving, and every placement of them."""

import itertools
from collections.abc import Iterator
from random import Random

from milp_amp.cost.network import measure
from milp_amp.judge.flow import flow_of
from milp_amp.plan.placement import Placement
from milp_amp.problem.cluster import Cluster, DeviceType, Link, NodeGroup
from milp_amp.problem.serving import Performance, ServedModel, ServingInstance

ACTIVATION_BYTES = 1e6


def serving(groups, layers, *, links=None, inside_GBps=1e3, coordinator_GBps=1e3) -> ServingInstance:
    """Return an instance: ``groups`` is ``{"a": (2, (9.0, 5.0))}``, two machines with tokens/s by the layers they hold.

    Without ``links`` all hang on one switch, and no link limits anything.
    """
    star = [Link(source=name, target="switch", bandwidth_GBps=1e3) for name in groups]
    return ServingInstance(
        schema_version=1,
        question="serving",
        name="tiny",
        source="built for a test",
        model=ServedModel(name="tiny", num_layers=layers, activation_bytes=ACTIVATION_BYTES, token_bytes=1e3),
        cluster=Cluster(
            device_types={"chip": DeviceType(memory_GiB=16)},
            nodes=tuple(
                NodeGroup(name=name, count=count, device="chip", devices=1, bandwidth_GBps=inside_GBps)
                for name, (count, _) in groups.items()
            ),
            switches=("switch",),
            links=tuple(star if links is None else links),
            contention="slowest_pair",
        ),
        performance={name: Performance(tokens_per_s=tuple(tokens)) for name, (_, tokens) in groups.items()},
        coordinator_GBps=coordinator_GBps,
    )


def draw(seed: int) -> ServingInstance:
    """Up to three machines of up to two types, up to four layers; links sometimes limit."""
    dice = Random(seed)
    layers = dice.randint(1, 4)
    sizes = dice.choice([(1,), (2,), (3,), (1, 1), (2, 1), (1, 2)])
    groups = {
        name: (count, [round(tokens / k, 1) for k in range(1, dice.randint(1, layers) + 1)])
        for name, count, tokens in zip("ab", sizes, (dice.uniform(5, 50), dice.uniform(5, 50)), strict=False)
    }
    slow = dice.choice([1.0, 1.0, 2e-3, 1e-2])
    links = [
        Link(source=name, target="switch", bandwidth_GBps=slow * dice.uniform(1, 10), one_way=False) for name in groups
    ]
    return serving(groups, layers, links=links, coordinator_GBps=dice.choice([1e3, 1e-5 * dice.uniform(1, 5)]))


def placements(instance: ServingInstance, partial_inference: bool) -> Iterator[Placement]:
    """Yield every placement."""
    layers = instance.model.num_layers
    choices = []
    for machine in instance.machines:
        most = instance.performance_of(machine).most_layers
        spans = [(i, j) for i in range(layers) for j in range(i + 1, min(i + most, layers) + 1)]
        choices.append([None, *spans])
    for spans in itertools.product(*choices):
        held = {m.name: span for m, span in zip(instance.machines, spans, strict=True) if span is not None}
        yield Placement(layers=held, partial_inference=partial_inference)


def most_tokens(instance: ServingInstance, partial_inference: bool = False) -> float:
    """Return what the best placement carries, by trying all."""
    network = measure(instance.cluster)
    return max(flow_of(instance, each, network).tokens_per_s for each in placements(instance, partial_inference))
