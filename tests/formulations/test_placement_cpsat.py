"""The program over single nodes: drop any family of constraints, and its optimum is another one.

Milliseconds by hand; ``1f1b``, links of 1 GB/s (1 MB takes 1 ms each way).
"""

import math
from dataclasses import dataclass

import pytest
from msgspec.structs import replace

from formulations import placement_cpsat
from formulations.placement_cpsat import Ticks
from milp_amp.bounds.prepass import prepare
from milp_amp.engine.cpsat import CpOutcome, CpStatus, solve_cpsat
from milp_amp.engine.limits import Limits
from milp_amp.errors import FormulationError
from milp_amp.plan.result import Status
from milp_amp.problem.instance import Instance
from milp_amp.problem.restrictions import Restrictions
from milp_amp.space.node_tables import NodeTables
from milp_amp.space.worlds import Configuration
from tests.builders import instance
from tests.formulations.families import UNIT

TEN_MILLIONTH = 1e-7


@dataclass(frozen=True)
class Case:
    """Optima in milliseconds; ``inf`` where there is no plan."""

    family: str
    world: Instance
    optimum: float
    without: float
    replicas: int = 1
    degrees: tuple[int, ...] = (1,)
    horizon: float = 1e3


def nodes(times, groups, **fields):
    return instance(times, groups, contention="slowest_pair", **fields)


def pair(**fields):
    """Two layers of 3 ms on two devices of one node."""
    return nodes({"fast": [3, 3]}, [("a", 1, "fast", 2)], **fields)


def late(world, **microseconds):
    """The same with a latency inside its nodes."""
    groups = tuple(replace(group, latency_us=microseconds[group.name]) for group in world.cluster.nodes)
    return replace(world, cluster=replace(world.cluster, nodes=groups))


def pinned():
    """The first layer on b, whose devices are slower."""
    world = nodes({"fast": [3, 3], "slow": [5, 5]}, [("a", 1, "fast", 2), ("b", 1, "slow", 1)], batch=1)
    return replace(world, restrictions=Restrictions.parse(["stage 0-0 on b"]))


# Three layers of 3 ms and links of 8 ms: one stage, 9 + 7 × 9.
THREE = nodes({"fast": [3, 3, 3]}, [("a", 1, "fast", 3)], batch=8, output_MB=4)
# Two stages and a link of 8 ms: 14 + 7 × 8. One stage: 6 + 7 × 6.
LINKED = pair(batch=8, output_MB=4)
# The same 8 ms, however few bytes.
DELAYED = late(pair(batch=8), a=4000.0)
# Two stages of two replicas: 6 + 3 × 3, and 2 MB of gradients around two replicas at 1 GB/s.
RINGS = nodes({"fast": [3, 3]}, [("a", 1, "fast", 4)], batch=8, gradient_MB=2)
# One stage of two replicas, and two rounds of 1 ms.
ROUNDS = late(pair(batch=2), a=1000.0)
# Three layers on two nodes of one device: 9 + 7 × 6.
CROWDED = nodes({"fast": [3, 3, 3]}, [("a", 2, "fast", 1)], batch=8)

CASES = (
    Case("cover", pair(batch=1), 6, 0),
    # Without order the second stage is left out, and so are its links: 9 + 7 × 6.
    Case("order", THREE, 9 + 7 * 9, 9 + 7 * 6),
    # One replica of degree 1 and one of degree 2 are no stage.
    Case(
        "degree",
        nodes({("fast", 1): [3], ("slow", 2): [4]}, [("a", 1, "fast", 1), ("b", 1, "slow", 2)], batch=2),
        math.inf,
        4,
        replicas=2,
        degrees=(1, 2),
    ),
    Case("replicas", pair(batch=1), 6, 0),
    # Two second replicas without a first one are nowhere.
    Case("seated", nodes({"fast": [3, 3]}, [("a", 2, "fast", 2)], batch=2), 6, 0, replicas=2),
    Case("present", LINKED, 6 + 7 * 6, 6 + 7 * 3),
    # A stage on the only fast device; the slow one takes 30 ms for a layer.
    Case(
        "capacity",
        nodes({"fast": [3, 3], "slow": [30, 30]}, [("a", 1, "fast", 1), ("b", 1, "slow", 1)], batch=8),
        6 + 7 * 6,
        6 + 7 * 3,
    ),
    Case("allowed", pinned(), 5 + 3, 6),
    # Room for two activations: two layers only as the last stage, 1 | 1 + 3. Otherwise 1 + 1 | 3.
    Case(
        "memory",
        nodes({"fast": [1, 1, 3]}, [("a", 1, "fast", 2)], batch=8, activation_MB=UNIT, memory_GiB=2.5),
        5 + 7 * 4,
        5 + 7 * 3,
    ),
    Case("stage", pair(batch=1), 6, 0),
    Case("meeting", LINKED, 6 + 7 * 6, 6 + 7 * 3),
    Case("transfer", LINKED, 6 + 7 * 6, 6 + 7 * 3),
    Case("delay", DELAYED, 6 + 7 * 6, 6 + 7 * 3),
    Case("together", RINGS, 6 + 3 * 3 + 2, 6 + 3 * 3, replicas=2),
    Case("ring", RINGS, 6 + 3 * 3 + 2, 6 + 3 * 3, replicas=2),
    Case("rounds", ROUNDS, 6 + 2, 6, replicas=2),
    Case("bottleneck", CROWDED, 9 + 7 * 6, 9),
    Case("station", LINKED, 6 + 7 * 6, 14 + 7 * 3),
    Case("synchronisation", RINGS, 6 + 3 * 3 + 2, 6 + 3 * 3, replicas=2),
    # Two stages, 6 + 7 × 3: not below 20.
    Case("cutoff", pair(batch=8), math.inf, 6 + 7 * 3, horizon=20),
)
EACH = pytest.mark.parametrize("case", CASES, ids=lambda case: case.family)


def program_of(case):
    prepass = prepare(case.world)
    microbatches = case.world.workload.global_batch_size // case.replicas
    configuration = Configuration(0.0, 0.0, case.replicas, 1, microbatches, case.degrees)
    tables = NodeTables(prepass.tables, prepass.classes, configuration)
    ticks = Ticks.below(case.horizon * 1e-3)
    return tables, ticks, placement_cpsat.build(tables, ticks)


def run(case, without=()):
    """The optimum in milliseconds, the status, and what the plan costs."""
    tables, ticks, program = program_of(case)
    for row in program.model.proto.constraints:
        if row.name in without:
            for kind in ("linear", "exactly_one", "bool_or", "bool_and"):
                getattr(row, f"clear_{kind}")()
    found = [[]]
    outcome = solve_cpsat(
        program.model, program.literals, found=found.append, bounded=lambda bound: None, stopped=lambda: False
    )
    return ticks.seconds(outcome.bound) * 1e3, outcome.status, tables, program.path(found[-1])


@EACH
def test_with_all_families_the_optimum_is_known_and_it_is_that_of_a_plan(case):
    optimum, status, tables, path = run(case)
    assert optimum == pytest.approx(case.optimum, rel=TEN_MILLIONTH)
    assert status is (CpStatus.INFEASIBLE if math.isinf(case.optimum) else CpStatus.OPTIMAL)
    assert optimum <= case.optimum * (1 + 1e-15)
    assert not path or tables.step_time(path) * 1e3 == pytest.approx(case.optimum)


@EACH
def test_without_a_family_the_optimum_is_another_one(case):
    optimum, *_ = run(case, without=(case.family,))
    assert optimum == pytest.approx(case.without, rel=TEN_MILLIONTH)
    assert optimum != pytest.approx(case.optimum)


def test_every_family_has_its_case():
    named = {row.name for case in CASES for row in program_of(case)[2].model.proto.constraints}
    assert named == {case.family for case in CASES}


WORLD = next(case.world for case in CASES if case.family == "memory")


def test_a_program_that_did_not_end_is_opened_again(monkeypatch):
    expected = placement_cpsat.solve(WORLD, prepare(WORLD), Limits(threads=1))
    asked, complete = [], placement_cpsat.solve_cpsat

    def stopped_once(*program, **options):
        asked.append(1)
        return CpOutcome(CpStatus.STOPPED, -math.inf) if len(asked) == 1 else complete(*program, **options)

    monkeypatch.setattr(placement_cpsat, "solve_cpsat", stopped_once)
    result = placement_cpsat.solve(WORLD, prepare(WORLD), Limits(threads=1))
    assert len(asked) > 1
    assert (result.status, result.objective) == (Status.OPTIMAL, pytest.approx(expected.objective))


def test_a_program_that_is_too_large_is_left_out_and_nothing_is_claimed_about_it(monkeypatch):
    monkeypatch.setattr(placement_cpsat, "MAX_LITERALS", 5)
    result = placement_cpsat.solve(WORLD, prepare(WORLD), Limits(threads=1))
    assert result.status is Status.UNKNOWN
    assert "literals, expected at most 5" in result.notes[0]


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        (instance(batch=4), "cluster.contention: 'shared', expected 'slowest_pair'"),
        (pair(all_reduce="hierarchical"), "workload.all_reduce: 'hierarchical', expected 'ring'"),
        (pair(objective={"minimise": "price"}, price_per_hour={"fast": 1.0}), "objective"),
    ],
)
def test_what_it_does_not_price_is_refused(world, expected):
    with pytest.raises(FormulationError, match=expected):
        placement_cpsat.solve(world, prepare(world), Limits())
