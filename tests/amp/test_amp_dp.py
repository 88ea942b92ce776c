"""AMP's search: what it published, rebuilt; and what it gets wrong, kept."""

import threading

import pytest

from formulations import amp_dp, amp_dp_exact
from milp_amp.bounds.prepass import prepare
from milp_amp.cost.network import measure
from milp_amp.engine.interrupts import INTERRUPTED
from milp_amp.engine.limits import Limits, Start
from milp_amp.errors import FormulationError
from milp_amp.plan.result import Status
from milp_amp.problem.model import Layer, Model
from tests import builders
from tests.amp.library import DEGREES, HOMOGENEOUS, MIXED, NAMES, TRANSGAN, instance, network, price, trials


def ranked(name):
    table = amp_dp.rank_candidates(instance(name), network(name))
    return {tuple(getattr(row, key) for key in DEGREES): row for row in table}


@pytest.mark.parametrize(("name", "rows"), [(HOMOGENEOUS, 52), (MIXED, 53)])
def test_every_published_trial_comes_out_with_its_partition_and_its_seconds(name, rows):
    table, published = ranked(name), trials(name)
    assert len(published) == rows
    for trial in published:
        row = table[trial.degrees]
        assert row.boundaries == trial.boundaries, trial
        assert row.predicted_seconds == pytest.approx(trial.predicted, rel=1e-4), trial


@pytest.mark.parametrize(("name", "count"), [(HOMOGENEOUS, 53), (MIXED, 53), (TRANSGAN, 65)])
def test_amp_looks_at_every_divisor_and_ranks_by_its_prediction(name, count):
    table = amp_dp.rank_candidates(instance(name), network(name))
    seconds = [row.predicted_seconds for row in table]
    assert len(table) == count
    assert seconds == sorted(seconds)


def test_the_first_choice_on_the_mixed_cluster_is_four_replicas_of_four_stages():
    result = amp_dp.solve(instance(MIXED), prepare(instance(MIXED), "amp"), Limits())
    assert result.strategy.data_parallel == result.strategy.pipeline_parallel == 4
    assert [stage.stop for stage in result.strategy.stages] == [7, 14, 20, 30]
    assert result.strategy.stages[3].replicas == (("g4dn.0/0",), ("g4dn.0/1",), ("g4dn.0/2",), ("g4dn.0/3",))
    assert result.objective == pytest.approx(1.0859, abs=5e-5)
    assert (result.status, result.bound, result.gap) == (Status.FEASIBLE, None, None)


def test_forgetting_the_cost_of_cuts_loses_two_percent_on_the_mixed_cluster():
    bounds = prepare(instance(MIXED), "amp")
    chosen = amp_dp.solve(instance(MIXED), bounds, Limits())
    best = amp_dp_exact.solve(instance(MIXED), bounds, Limits())
    assert [stage.stop for stage in best.strategy.stages] == [9, 16, 23, 30]
    assert best.objective == pytest.approx(1.06173, abs=5e-6)
    assert chosen.objective / best.objective == pytest.approx(1.0228, abs=5e-5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("costs", ["amp", "pipeline"])
def test_amp_is_never_better_than_its_own_space_searched_exactly(name, costs):
    bounds = prepare(instance(name), costs)
    best = amp_dp_exact.solve(instance(name), bounds, Limits())
    assert best.status is Status.OPTIMAL
    assert amp_dp.solve(instance(name), bounds, Limits()).objective >= best.objective * (1 - 1e-12)


@pytest.mark.parametrize(("costs", "seconds"), [("amp", 1.085936), ("pipeline", 1.357246)])
def test_the_choice_is_by_amp_and_the_price_by_the_cost_model_asked_for(costs, seconds):
    world = instance(MIXED)
    bounds = prepare(world, costs)
    result = amp_dp.solve(world, bounds, Limits())
    assert result.objective == pytest.approx(seconds, abs=5e-7)
    assert result.objective == pytest.approx(price(bounds.costs, 1, 4, 1, (0, 7, 14, 20, 30)), rel=1e-12)


KINDS = {"e": "embedding", "t": "transformer", "h": "head", "o": "other"}


@pytest.mark.parametrize(
    ("kinds", "stages", "boundaries"),
    [
        ("ett tthh", 2, (0, 3, 7)),
        ("ettt tthh", 2, (0, 4, 8)),
        ("ot ttt", 2, (0, 2, 5)),  # no layer follows: AMP's program counts the four transformers from layer 0
        ("oo oo", 2, (0, 2, 4)),
        ("etth", 3, None),
    ],
)
def test_with_one_microbatch_the_transformers_are_split_evenly(kinds, stages, boundaries):
    layers = [Layer(name="layer", kind=KINDS[kind], output_elements=0) for kind in kinds.replace(" ", "")]
    model = Model(name="chain", layers=tuple(layers))
    assert amp_dp.even_split(model, stages) == boundaries


def test_a_plan_that_does_not_fit_is_passed_over_where_memory_counts():
    """Two layers of 75 MB per sequence: 0.2 GiB = 215 MB hold one sequence at a time, not two."""
    world = builders.instance({"fast": [3, 3]}, [("a", 1, "fast", 1)], batch=8, activation_MB=75, memory_GiB=0.2)
    table = amp_dp.rank_candidates(world, measure(world.cluster))
    assert len({row.predicted_seconds for row in table}) == 1  # one stage: AMP sees no difference in b
    chosen = amp_dp.solve(world, prepare(world, "pipeline"), Limits())
    assert chosen.strategy.microbatch_size == 1


def test_where_nothing_fits_amp_has_no_answer_and_no_proof():
    world = builders.instance(memory_GiB=0.001, activation_MB=50)
    result = amp_dp.solve(world, prepare(world, "pipeline"), Limits())
    assert result.status is Status.UNKNOWN
    assert "none of AMP's" in result.notes[0]
    assert "fits" in result.notes[0]
    assert INTERRUPTED not in result.notes


def test_a_search_that_was_stopped_says_so():
    world, stop = instance(MIXED), threading.Event()
    bounds = prepare(world, "amp")
    assert INTERRUPTED not in amp_dp.solve(world, bounds, Limits(stop=stop)).notes
    stop.set()
    result = amp_dp.solve(world, bounds, Limits(stop=stop))
    assert (result.status, result.notes[-1]) == (Status.UNKNOWN, INTERRUPTED)


def test_a_warm_start_does_not_change_the_baseline():
    world = builders.instance({"fast": [3, 3]}, [("a", 1, "fast", 2)], batch=4)
    plan = builders.strategy((0, 1, "a.0/0"), (1, 2, "a.0/1"))
    bounds = prepare(world, "amp")
    without = amp_dp.solve(world, bounds, Limits())
    assert amp_dp.solve(world, bounds, Limits(start=Start(plan, 1e-9))).objective == without.objective


def test_no_time_is_no_answer():
    world = builders.instance()
    assert amp_dp.solve(world, prepare(world, "amp"), Limits(time_limit=0.0)).status is Status.UNKNOWN


@pytest.mark.parametrize("formulation", [amp_dp, amp_dp_exact])
def test_nodes_of_different_size_are_refused_by_name(formulation):
    world = builders.instance(nodes=[("a", 1, "fast", 2), ("b", 1, "fast", 4)])
    with pytest.raises(FormulationError, match=r"\[2, 4\] devices per node"):
        formulation.solve(world, prepare(world, "amp"), Limits())


@pytest.mark.parametrize("formulation", [amp_dp, amp_dp_exact])
def test_there_is_no_program_to_export(formulation, tmp_path):
    world = builders.instance()
    with pytest.raises(FormulationError, match="no program"):
        formulation.solve(world, prepare(world, "amp"), Limits(export_program=tmp_path / "p.lp"))
