"""Neighbourhoods of a plan: some of its stages lose their places, the others may still change their layers."""

from random import Random

import numpy as np
import numpy.typing as npt

from milp_amp.space.chain import Chain

LEAST_FREED, MOST_FREED = 2, 4
"""Stages that lose their places, at first."""

GROWS = 10
"""Failures after which one stage more may lose its place."""


def neighbourhood(chain: Chain, places: list[int], random: Random, failures: int) -> npt.NDArray[np.bool_]:
    """Return the places ``(K,)`` of a neighbourhood of a plan: those its other stages keep, and all that fit beside.

    Parameters
    ----------
    places
        Of the plan's stages.
    failures
        Neighbourhoods since the last better plan: they grow with them.
    """
    count = min(len(places), random.randint(LEAST_FREED, MOST_FREED + failures // GROWS))
    if random.random() < 0.5:
        begin = random.randrange(len(places) - count + 1)
        freed = set(range(begin, begin + count))
    else:
        freed = set(random.sample(range(len(places)), count))
    kept = [place for stage, place in enumerate(places) if stage not in freed]
    left = chain.capacity - chain.usage[kept].sum(axis=0)
    near: npt.NDArray[np.bool_] = (chain.usage <= left).all(axis=1)
    near[kept] = True
    return near
