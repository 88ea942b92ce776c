"""The best boundaries for given places are the best of all boundaries."""

from dataclasses import replace

import numpy as np
import pytest

from milp_amp.space.partition import Partitions
from tests.space.random_chains import draw, every_path


@pytest.mark.parametrize("seed", range(60))
def test_no_division_of_the_layers_is_better(seed):
    chain = draw(seed)
    chain = replace(chain, update=np.zeros_like(chain.update))
    least: dict[tuple[int, ...], float] = {}
    for path in every_path(chain):
        places = tuple(k for _, _, k in path.steps)
        least[places] = min(path.value, least.get(places, path.value))
    partitions = Partitions(chain)
    for places, value in least.items():
        assert partitions.fits(places)
        assert partitions.best(places).step_time == pytest.approx(value, rel=1e-6)


def test_the_update_is_paid_at_the_end():
    chain = next(chain for chain in map(draw, range(100)) if not chain.links_are_stations and every_path(chain))
    path = min(every_path(chain), key=lambda path: path.value)
    places = tuple(k for _, _, k in path.steps)
    assert Partitions(chain).best(places).step_time >= path.value * (1 - 1e-9)
