"""Random questions that ask for a lot, small enough to enumerate; each named by one integer."""

from random import Random

from milp_amp.bounds.prepass import prepare
from milp_amp.problem.instance import Instance
from milp_amp.problem.restriction_spelling import spelled
from tests.agreement.brute_force import Optimum, brute_force
from tests.agreement.drawing import plain
from tests.agreement.restricting import restricted
from tests.agreement.scarce import ample, scarce

MOST_DEVICES, MOST_LAYERS = 5, 4

FAR = 10**6
"""Between the seeds of two draws for the same question."""


def asked(seed: int) -> tuple[Instance, tuple[str, ...]]:
    """Return the instance of a seed and restrictions for it, now and then beside a least speed.

    There is a plan without all of these; in half of the instances memory is scarce, and in half of them each of the
    restrictions alone leaves a plan, so that only several can contradict each other.
    """
    random = Random(-(10**8) - seed)
    world = _small(seed)
    draws = [restricted(world, seed + k * FAR).restrictions for k in range(1, random.randint(3, 5))]
    texts = tuple(dict.fromkeys(text for restrictions in draws for text in spelled(restrictions)))
    if random.random() < 0.5:
        texts = tuple(text for text in texts if _best(ample(world).restricted(text)))
    return _in_haste(world, random) if random.random() < 0.3 else world, texts


def _small(seed: int) -> Instance:
    """Return the first world from a seed on that is small enough and has a plan, given the memory."""
    while True:
        world = scarce(seed) if seed % 2 else plain(seed, max_devices=MOST_DEVICES, max_layers=MOST_LAYERS)
        small = world.cluster.num_devices <= MOST_DEVICES and world.model.num_layers <= MOST_LAYERS
        if small and _best(ample(world)):
            return world
        seed += 10 * FAR


def _in_haste(world: Instance, random: Random) -> Instance:
    """Return the world with a least speed near the best there is."""
    best = _best(ample(world))
    assert best is not None
    return world.asked(least_steps_per_second=1 / (best.value * random.choice((0.9, 1.0, 1.1, 1.5))))


def _best(world: Instance) -> Optimum | None:
    return brute_force(world, prepare(world).costs)
