"""Small random worlds for the sailor cost model: two or three classes, curves that rise and fall, memory that binds."""

import itertools
import random

from msgspec.structs import replace

from milp_amp.cost.network import measure
from milp_amp.cost.sailor import SailorCost
from milp_amp.problem.cluster import Link
from milp_amp.problem.instance import Instance
from milp_amp.space.sailor_places import SailorPlaces
from tests.builders import curve, instance


def draw(seed: int, max_layers: int = 4, sizes: tuple[int, ...] = (1, 2, 4)) -> Instance:
    """Nodes of two sites and two types; both types at tensor degrees 1 and 2, microbatches 1 and 2."""
    dice = random.Random(seed)
    places = dice.sample(["east:fast", "east:slow", "west:fast"], dice.choice([1, 2, 2, 3]))
    names = "abc"[: len(places)]
    nodes = [
        (name, dice.choice([1, 1, 2]), place.split(":")[1], dice.choice(sizes))
        for name, place in zip(names, places, strict=True)
    ]
    layers = dice.randint(1, max_layers)
    times = {
        (kind, t, b): [dice.randint(1, 9) * b / t + 1 for _ in range(layers)]
        for kind in ("fast", "slow")
        for t, b in itertools.product((1, 2), (1, 2))
    }
    ends = [f"{place}/{t}" for place in places for t in (1, 2)]
    world = instance(
        times,
        nodes,
        sites={name: place.split(":")[0] for name, place in zip(names, places, strict=True)},
        curves=[
            curve(v, w, dice.choice([0.0, 0.02]), dice.choice([0.0, 0.1, 0.3, -0.1]), dice.choice([0.5, 1.0, 3.0]))
            for v, w in itertools.product(ends, ends)
        ],
        output_MB=[dice.choice([1.0, 4.0]) for _ in range(layers)],
        parameters=[dice.choice([1e5, 2e6, 6e8]) for _ in range(layers)],
        activation_MB=dice.choice([0.0, 300.0]),
        update_ms=[dice.choice([1.0, 5.0]) for _ in range(layers)],
        memory_GiB={"fast": dice.choice([1e3, 16.0]), "slow": 1e3},
        price_per_hour={"fast": 7.0, "slow": 2.0},
        batch=dice.choice([1, 4, 7, 8]),
    )
    return replace(world, cluster=replace(world.cluster, links=_with_tolls(world, dice)))


def _with_tolls(world: Instance, dice: random.Random) -> tuple[Link, ...]:
    """Some groups of a single node pay to reach the switch."""
    single = {group.name for group in world.cluster.nodes if group.count == 1}
    return tuple(
        replace(link, price_per_GB=dice.choice([0.0, 2.0]) if link.source in single else 0.0)
        for link in world.cluster.links
    )


def space_of(world: Instance, costs: type[SailorCost] = SailorCost) -> SailorPlaces:
    return SailorPlaces(costs(world, measure(world.cluster)))
