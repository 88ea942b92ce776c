"""Tiny language models, and every plan for them: what a launcher's rules can be checked against by trying all."""

import itertools
from collections.abc import Iterator

from msgspec.structs import replace

from milp_amp.plan.strategy import Strategy
from milp_amp.problem.instance import Instance
from milp_amp.problem.model import SharedParameters
from tests.builders import instance, strategy

KINDS = {"e": "embedding", "t": "transformer", "h": "head", "o": "other"}
"""Layers by the letters that the tests spell a chain with."""

TIED = SharedParameters(name="table", parameters=1)


def language_model(kinds: str, *, tied: bool = False, **fields) -> Instance:
    """Build an instance whose layers are of these kinds: ``"ettth"``; every layer takes 3 ms, an ``o`` 0 ms.

    Two nodes with two fast devices each and one with two slow ones, unless other ``nodes`` are given.
    """
    nodes = fields.pop("nodes", (("a", 2, "fast", 2), ("b", 1, "slow", 2)))
    times = [0.0 if kind == "o" else 3.0 for kind in kinds]
    types = dict.fromkeys(device for _, _, device, _ in nodes)
    defaults = {"tensor_degrees": (1, 2), "batch": 8}
    world = instance(dict.fromkeys(types, times), nodes, **{**defaults, **fields})
    layers = [replace(layer, kind=KINDS[kind]) for layer, kind in zip(world.model.layers, kinds, strict=True)]
    if tied:
        layers[0], layers[-1] = (replace(layer, shared_parameters=TIED) for layer in (layers[0], layers[-1]))
    return replace(world, model=replace(world.model, layers=tuple(layers)))


def plans(world: Instance, most_stages: int = 3) -> Iterator[Strategy]:
    """Yield plans of every cut into stages, every tensor degree of each, on nodes in several orders, or on one."""
    layers = world.model.num_layers
    for count in range(1, min(most_stages, layers) + 1):
        for cut in itertools.combinations(range(1, layers), count - 1):
            for degrees in itertools.product((1, 2), repeat=count):
                borders = (0, *cut, layers)
                for hosts in itertools.islice(itertools.permutations(world.cluster.hosts, count), 6):
                    yield from _placed(borders, degrees, hosts)
                if len(world.cluster.hosts) == 1 and sum(degrees) <= world.cluster.num_devices:
                    yield _packed(borders, degrees, world.cluster.hosts[0])


def _placed(borders, degrees, hosts) -> Iterator[Strategy]:
    spans = list(itertools.pairwise(borders))
    yield strategy(
        *[
            (*span, " ".join(host.device(k) for k in range(degree)))
            for span, degree, host in zip(spans, degrees, hosts, strict=True)
        ]
    )
    if set(degrees) == {1}:
        yield strategy(*[(*span, host.device(0), host.device(1)) for span, host in zip(spans, hosts, strict=True)])


def _packed(borders, degrees, host) -> Strategy:
    """Place all stages on one node, side by side."""
    ends = list(itertools.accumulate(degrees, initial=0))
    groups = [" ".join(host.device(k) for k in range(*pair)) for pair in itertools.pairwise(ends)]
    return strategy(*[(*span, group) for span, group in zip(itertools.pairwise(borders), groups, strict=True)])
