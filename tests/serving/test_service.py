"""Predictions of what is served: laws, two ways to build them, and what the simulation says."""

import csv
import itertools
import statistics
from random import Random

import pytest

from milp_amp.cost.network import measure
from milp_amp.errors import InputError
from milp_amp.judge.even_flow import even_flow
from milp_amp.judge.serve import load_from, serve
from milp_amp.plan.files import read_placement
from milp_amp.plan.placement import Placement
from milp_amp.problem.files import read_serving
from milp_amp.space.service import COORDINATOR, Hop, Service, Visit, predict, residence
from milp_amp.space.service_of_flow import service_of_flow
from milp_amp.space.service_of_stages import StageServices
from milp_amp.space.serving_speeds import Demand, demand_of
from milp_amp.space.stage_moves import StageMoves
from tests.cli.worlds import LIBRARY
from tests.serving.worlds import serving

HELIX = LIBRARY / "helix"
SINGLE = read_serving(HELIX / "single-70b-24.json")
LOAD = load_from(HELIX / "requests.csv")
DEMAND = demand_of(SINGLE, LOAD.prompt_tokens, LOAD.output_tokens)
NETWORK = measure(SINGLE.cluster)
STAGES = StageServices(SINGLE, NETWORK, DEMAND)
MOVES = StageMoves(80, STAGES.counts, STAGES.most_layers)


def chain(machines, prompt, decode, in_flight, token_seconds=0.0):
    """Machines one after another, each with one layer; seconds of a prompt and of a pass of any size."""
    demand = Demand(prompt_tokens=100.0, output_tokens=10.0, kept_tokens=340.0, copy_seconds=0.0, speeds={})
    visits = [
        Visit(
            1,
            1.0,
            1,
            prompt,
            0.0,
            (decode,) * 481,
            1.0,
            (Hop(at - 1, 1.0, 1.0, 1.0, token_seconds if at else 0.0, 0.0),),
        )
        for at in range(machines)
    ]
    assert visits[0].hops[0].tail == COORDINATOR
    return Service(tuple(visits), in_flight, 0.0, demand)


def test_a_request_among_few_takes_its_prompt_and_its_passes():
    """Two machines: 2 * (1 s of prompt + 0.01 s of the pass it is in), then 2 * 0.01 s per token."""
    found = residence(chain(2, prompt=1.0, decode=0.01, in_flight=1), rate=1e-6)
    assert found.prompt_s == pytest.approx(2.02, rel=1e-3)
    assert found.token_s == pytest.approx(0.02, rel=1e-3)


def test_as_many_requests_are_in_flight_as_caches_admit():
    service = chain(3, prompt=0.05, decode=0.01, in_flight=40)
    served = predict(service)
    found = residence(service, served.tokens_per_s / 10)
    assert served.tokens_per_s / 10 * (found.prompt_s + 10 * found.token_s) == pytest.approx(40, rel=1e-3)


def test_a_token_behind_prompts_waits_at_every_machine():
    free, behind = (residence(chain(n, prompt=0.5, decode=0.01, in_flight=1), rate=1.0).token_s for n in (1, 5))
    assert behind > 5 * free  # it follows what it has caught up


def test_a_link_holds_tokens_behind_a_prompt():
    """A prompt of 100 tokens takes 0.5 s on it; at one per 10 s a token meets one in 20 for half of it."""
    slow, fast = (residence(chain(2, prompt=0.0, decode=0.01, in_flight=1, token_seconds=s), 0.1) for s in (0.005, 0.0))
    assert slow.token_s - fast.token_s == pytest.approx(0.005 + 0.5 * 0.05 / 2, rel=0.1)


@pytest.mark.parametrize("seed", range(20))
def test_twice_as_fast_serves_twice_as_much(seed):
    dice = Random(seed)
    seconds = dice.uniform(0.01, 0.2), dice.uniform(0.001, 0.02)
    slow = predict(chain(5, *seconds, in_flight=30)).tokens_per_s
    fast = predict(chain(5, *(s / 2 for s in seconds), in_flight=30)).tokens_per_s
    assert fast == pytest.approx(2 * slow, rel=1e-3)


@pytest.mark.parametrize("seed", range(20))
def test_larger_caches_never_serve_less(seed):
    dice = Random(seed)
    seconds = dice.uniform(0.01, 0.2), dice.uniform(0.001, 0.02)
    rates = [predict(chain(4, *seconds, in_flight=room)).tokens_per_s for room in (5, 10, 20, 40, 80)]
    assert rates == sorted(rates)


def proportional(stages):
    """The flow of stages whose machines share evenly by their tokens per second."""
    rows, used = [[("out", 1.0)]], [0] * len(stages[0][1])
    for size, counts in stages:
        row = []
        for group, n in enumerate(counts):
            for _ in range(n):
                node = SINGLE.cluster.nodes[group].name
                row.append((f"{node}.{used[group]}", SINGLE.performance[node].tokens_per_s[size - 1]))
                used[group] += 1
        total = sum(tokens for _, tokens in row)
        rows.append([(name, tokens / total) for name, tokens in row])
    rows.append([("in", 1.0)])
    return {(a, b): x * y for row, then in itertools.pairwise(rows) for a, x in row for b, y in then}


@pytest.mark.parametrize("seed", range(30))
def test_stages_are_what_their_flow_is(seed):
    stages = MOVES.draw(Random(seed))
    placement = STAGES.placement(stages)
    built = predict(STAGES.service(stages))
    found = predict(service_of_flow(SINGLE, placement, proportional(stages), NETWORK, DEMAND))
    assert found == pytest.approx(built, rel=1e-3)


@pytest.mark.parametrize("seed", range(30))
def test_moves_hold_every_layer_once_and_no_machine_twice(seed):
    dice = Random(seed)
    stages = MOVES.draw(dice)
    for _ in range(200):
        stages = MOVES.neighbour(stages, dice) or stages
        assert sum(size for size, _ in stages) == 80
        for group, most in enumerate(STAGES.counts):
            assert sum(counts[group] for _, counts in stages) <= most
        for size, counts in stages:
            assert all(not n or size <= most for n, most in zip(counts, STAGES.most_layers, strict=True))


def test_predictions_of_published_placements_are_near_what_is_simulated():
    off = []
    with (HELIX / "placements" / "simulated.csv").open(newline="") as file:
        for case in csv.DictReader(file):
            if case["instance"] == SINGLE.name:
                placement = read_placement(HELIX / "placements" / f"{case['placement']}.json")
                flow = even_flow(SINGLE, placement, NETWORK)
                predicted = predict(service_of_flow(SINGLE, placement, flow.arcs, NETWORK, DEMAND)).tokens_per_s
                off.append(predicted / serve(SINGLE, placement, LOAD, flow).decode_tokens_per_s - 1)
    assert len(off) == 5
    assert statistics.mean(map(abs, off)) <= 0.12


def test_without_tables_nothing_is_predicted():
    with pytest.raises(InputError, match=r"performance\.a: a table is missing"):
        demand_of(serving({"a": (1, (10.0,))}, layers=1), [5], [5])


def test_a_machine_that_no_flow_visits_changes_nothing():
    stages = MOVES.draw(Random(1))
    placement, arcs = STAGES.placement(stages), proportional(stages)
    idle = next(machine.name for machine in SINGLE.machines if machine.name not in placement.layers)
    more = Placement(layers={**placement.layers, idle: (0, 1)})
    with_idle, without = (predict(service_of_flow(SINGLE, each, arcs, NETWORK, DEMAND)) for each in (more, placement))
    assert with_idle == without
