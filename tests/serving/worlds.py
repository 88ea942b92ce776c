"""Small random questions about serving, and what the best of all placements carries."""

import itertools
from collections.abc import Iterator
from random import Random

import numpy as np

from milp_amp.cost.network import measure
from milp_amp.judge.flow import flow_of
from milp_amp.plan.placement import Placement
from milp_amp.problem.cluster import Cluster, DeviceType, Link, NodeGroup
from milp_amp.problem.serving import Performance, ServedModel, ServingInstance

ACTIVATION_BYTES = 1e6


def serving(
    groups, layers, *, links=None, switches=("switch",), inside_GBps=1e3, coordinator_GBps=1e3
) -> ServingInstance:
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
            switches=tuple(switches),
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


def draw_wide(seed: int) -> ServingInstance:
    """Up to four machines of up to three types, up to five layers, on one of four kinds of networks.

    More layers may be faster than fewer, as Helix has measured.
    """
    dice = Random(f"wide {seed}")
    layers = dice.randint(2, 5)
    sizes = dice.choice([(4,), (2, 2), (3, 1), (1, 1, 1), (2, 1, 1), (1, 2, 1)])
    groups = {}
    for name, count in zip("abc", sizes, strict=False):
        tokens, most, slower = dice.uniform(5, 50), dice.randint(1, layers), dice.uniform(0.2, 1)
        groups[name] = (count, [round(tokens / k**slower * dice.uniform(0.7, 1.3), 1) for k in range(1, most + 1)])
    switches, links = dice.choice([_star, _up_and_down, _two_sites, _round])(dice, list(groups))
    entry = dice.choice([1e3, 1e-5 * dice.uniform(0.5, 4)])
    return serving(groups, layers, links=links, switches=switches, coordinator_GBps=entry)


def _rate(dice: Random) -> float:
    """Ten gigabytes per second, or 2 to 40 tokens per second."""
    return dice.choice([10.0, 1e-3 * dice.uniform(2, 40)])


def _star(dice, names):
    return ["switch"], [Link(source=name, target="switch", bandwidth_GBps=_rate(dice)) for name in names]


def _up_and_down(dice, names):
    """Give another bandwidth to what is sent than to what is received."""
    ends = [pair for name in names for pair in ((name, "switch"), ("switch", name))]
    return ["switch"], [Link(source=a, target=b, bandwidth_GBps=_rate(dice), one_way=True) for a, b in ends]


def _two_sites(dice, names):
    """Join two switches by one link, mostly slow."""
    at = [Link(source=name, target=dice.choice(["west", "east"]), bandwidth_GBps=_rate(dice)) for name in names]
    return ["west", "east"], [*at, Link(source="west", target="east", bandwidth_GBps=1e-3 * dice.uniform(1, 20))]


def _round(dice, names):
    """Send from type to type in one direction only, through machines; and slowly over one switch."""
    slow = 1e-3 * dice.uniform(1, 10)
    over = [Link(source=name, target="switch", bandwidth_GBps=slow) for name in names]
    ahead = zip(names, [*names[1:], names[0]], strict=True)
    return ["switch"], [
        *over,
        *(Link(source=a, target=b, bandwidth_GBps=_rate(dice), one_way=True) for a, b in ahead if a != b),
    ]


def _spans(instance: ServingInstance, group: str) -> list[tuple[int, int]]:
    layers, most = instance.model.num_layers, instance.performance[group].most_layers
    return [(i, j) for i in range(layers) for j in range(i + 1, min(i + most, layers) + 1)]


def placements(instance: ServingInstance, partial_inference: bool) -> Iterator[Placement]:
    """Yield every placement."""
    choices = [[None, *_spans(instance, machine.group.name)] for machine in instance.machines]
    for spans in itertools.product(*choices):
        held = {m.name: span for m, span in zip(instance.machines, spans, strict=True) if span is not None}
        yield Placement(layers=held, partial_inference=partial_inference)


def most_tokens(instance: ServingInstance, partial_inference: bool = False) -> float:
    """Return what the best placement carries.

    Every machine holds something, since one more never carries less; machines of a type are alike; and nothing is
    carried beyond what the machines of any layer do, or what the coordinator exchanges with those of the first layer
    or the last. So placements are tried from the largest such limit on, until it is no more than what has been found.
    """
    network, names = measure(instance.cluster), [group.name for group in instance.cluster.nodes]
    chosen = [
        list(itertools.combinations_with_replacement(_spans(instance, group.name), group.count))
        for group in instance.cluster.nodes
    ]
    limits = np.zeros((1,) * len(names) + (instance.model.num_layers + 2,))
    for axis, (name, ways) in enumerate(zip(names, chosen, strict=True)):
        each = np.array([_limits(instance, name, way) for way in ways])
        shape = [1] * len(names)
        shape[axis] = len(ways)
        limits = limits + each.reshape(*shape, -1)
    limit = limits.min(axis=-1)
    best = 0.0
    for place in np.argsort(-limit, axis=None):
        if limit.flat[place] <= best * (1 + 1e-9):
            break
        ways = [chosen[axis][k] for axis, k in enumerate(np.unravel_index(place, limit.shape))]
        layers = {f"{name}.{k}": span for name, way in zip(names, ways, strict=True) for k, span in enumerate(way)}
        placement = Placement(layers=layers, partial_inference=partial_inference)
        best = max(best, flow_of(instance, placement, network).tokens_per_s)
    return best


def _limits(instance: ServingInstance, name: str, way: tuple[tuple[int, int], ...]) -> list[float]:
    """Return what machines of one type carry in every layer, from the coordinator, and to it."""
    tokens, entry = instance.performance[name].tokens_per_s, instance.entry_tokens_per_s
    layers = instance.model.num_layers
    held = [sum(tokens[j - i - 1] for i, j in way if i <= layer < j) for layer in range(layers)]
    return [*held, entry * sum(i == 0 for i, _ in way), entry * sum(j == layers for _, j in way)]
