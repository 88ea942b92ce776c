"""For every family of constraints a tiny world whose optimum is known, with the family and without it.

Milliseconds by hand; ``1f1b``, links of 1 GB/s (1 MB takes 1 ms each way).
"""

import math
from dataclasses import dataclass

from milp_amp.bounds.prepass import prepare
from milp_amp.problem.instance import Instance
from milp_amp.space.boxes import Box
from milp_amp.space.configuration import Degrees, Layout
from milp_amp.space.pathgraph import restrict
from tests.builders import instance

UNIT = 2**30 / 1e6
"""MB in a GiB."""


@dataclass(frozen=True)
class Case:
    """Optima in milliseconds."""

    family: str
    world: Instance
    optimum: float
    without: float
    replicas: int = 1

    @property
    def weight(self):
        """Microbatches after the first one."""
        return self.world.workload.global_batch_size // self.replicas - 1

    def graph(self, box=None):
        """The path graph and the box of the case's only configuration, with nothing known beforehand."""
        degrees = Degrees(1, self.replicas, 1, self.weight + 1)
        columns = prepare(self.world).columns(degrees, Layout.STAGE_BY_STAGE)
        return restrict(columns, box or Box(), 0.0, math.inf)


def pair(**fields):
    """Two layers of 3 ms on two devices of one node."""
    return instance({"fast": [3, 3]}, [("a", 1, "fast", 2)], **fields)


CASES = (
    # One stage: 6 ms. No stage at all costs nothing.
    Case("one_path", pair(batch=1), 6, 0),
    # The last layer alone.
    Case("leave_state", pair(batch=1, output_MB=1), 6, 3),
    # The last layer and a transfer of 2 ms from nowhere.
    Case("enter_place", pair(batch=1, output_MB=1), 6, 5),
    # Two stages: 6 + 7 × 3. W does not hold any stage.
    Case("bottleneck", pair(batch=8), 6 + 7 * 3, 6),
    # Two stages and a link of 8 ms: 14 + 7 × 8 is dearer than one stage, 6 + 7 × 6 = 48; W = 3 would be cheaper.
    Case("station", pair(batch=8, output_MB=4), 6 + 7 * 6, 14 + 7 * 3),
    # Two stages of two replicas: 6 + 3 × 3, and 2 MB of gradients around two replicas at 1 GB/s.
    Case(
        "synchronisation",
        instance({"fast": [3, 3]}, [("a", 1, "fast", 4)], batch=8, gradient_MB=2),
        6 + 3 * 3 + 2,
        6 + 3 * 3,
        replicas=2,
    ),
    # Three layers on two nodes: 9 + 7 × 6. A third node would make it 9 + 7 × 3.
    Case("capacity", instance({"fast": [3, 3, 3]}, [("a", 2, "fast", 1)], batch=8), 9 + 7 * 6, 9 + 7 * 3),
    # Room for two activations: two layers only as the last stage, 1 | 1 + 3. Otherwise 1 + 1 | 3.
    Case(
        "memory",
        instance({"fast": [1, 1, 3]}, [("a", 1, "fast", 2)], batch=8, activation_MB=UNIT, memory_GiB=2.5),
        5 + 7 * 4,
        5 + 7 * 3,
    ),
)
