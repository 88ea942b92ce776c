"""What a library takes: better plans and tighter bounds that the judge confirms, and nothing else."""

import datetime
import json

import pytest
from msgspec.structs import replace

from milp_amp.bench.best_known import TABLE, BestKnown
from milp_amp.bench.rows import read_rows
from milp_amp.errors import Discrepancy, InputError, PlanError
from milp_amp.plan.placement import Placement
from tests.bench.libraries import (
    CHAIN,
    CHAIN_TOKENS,
    REPLICAS,
    REPLICAS_S,
    SERVE,
    STAGES,
    STAGES_S,
    TODAY,
    TRAIN,
    TWINS,
    TWINS_TOKENS,
    library,
    served,
    take,
    trained,
    wrong,
)
from tests.builders import result

PLAN = "plans/made/train--pipeline.json"


@pytest.fixture
def made(tmp_path):
    return library(tmp_path / "library")


def known(folder, path=TRAIN):
    return next(row for row in read_rows(folder / TABLE, BestKnown) if row.instance == path)


def test_a_better_plan_takes_the_place_of_the_known_one_and_keeps_its_bound(made):
    row = take(made, TRAIN, trained(REPLICAS, REPLICAS_S, formulation="new", versions={"milp-amp": "9"}))
    assert row == known(made)
    assert (row.value, row.formulation) == (pytest.approx(REPLICAS_S), "new")
    assert (row.bound, row.bound_by, row.gap) == (0.01, "by hand", pytest.approx(1 / 6))
    assert (row.version, row.date, row.status) == ("9", TODAY, "feasible")
    assert len(json.loads((made / PLAN).read_bytes())["stages"]) == 1
    assert wrong(made) == []


def test_a_tighter_bound_is_taken_from_a_worse_plan_whose_own_stays_out(made):
    take(made, TRAIN, trained(REPLICAS, REPLICAS_S))
    later = TODAY + datetime.timedelta(days=1)
    claimed = trained(STAGES, STAGES_S, 0.011, formulation="new", versions={"milp-amp": "9"})
    row = take(made, TRAIN, claimed, later)
    assert (row.value, row.formulation) == (pytest.approx(REPLICAS_S), "by hand")
    assert (row.bound, row.bound_by, row.version, row.date) == (0.011, "new", "9", later)
    assert len(json.loads((made / PLAN).read_bytes())["stages"]) == 1
    assert wrong(made) == []


def test_value_and_bound_that_meet_are_an_optimum(made):
    row = take(made, TRAIN, trained(REPLICAS, REPLICAS_S, REPLICAS_S))
    assert (row.status, row.gap) == ("optimal", pytest.approx(0, abs=1e-12))
    assert wrong(made) == []


def test_a_bound_that_a_better_plan_disproves_is_dropped(made):
    take(made, TRAIN, trained(STAGES, STAGES_S, 0.014))
    row = take(made, TRAIN, trained(REPLICAS, REPLICAS_S))
    assert (row.bound, row.bound_by, row.gap, row.status) == (None, None, None, "feasible")
    assert wrong(made) == []


def test_a_bound_of_a_space_without_the_known_plan_is_not_taken(made):
    take(made, TRAIN, trained(REPLICAS, REPLICAS_S))
    assert take(made, TRAIN, trained(STAGES, STAGES_S, STAGES_S)) is None


@pytest.mark.parametrize(
    ("path", "claimed"),
    [
        (TRAIN, trained(STAGES, STAGES_S, 0.01)),
        (TRAIN, trained(STAGES, STAGES_S, 0.009)),
        (TRAIN, trained(STAGES, STAGES_S)),
        (SERVE, served(CHAIN, CHAIN_TOKENS, 11.0)),
        (SERVE, served(TWINS, TWINS_TOKENS, 11.0)),
    ],
)
def test_what_is_no_better_changes_nothing(path, claimed, made):
    before = (made / TABLE).read_bytes(), (made / PLAN).read_bytes()
    assert take(made, path, claimed) is None
    assert ((made / TABLE).read_bytes(), (made / PLAN).read_bytes()) == before


def test_more_flow_is_better_and_a_lower_bound_on_it_tighter(tmp_path):
    made = library(tmp_path / "library")
    (made / TABLE).unlink()
    take(made, SERVE, served(CHAIN, CHAIN_TOKENS, 12.0))
    assert (known(made, SERVE).value, known(made, SERVE).bound) == (9.0, 12.0)
    take(made, SERVE, served(TWINS, TWINS_TOKENS, 13.0))
    assert (known(made, SERVE).value, known(made, SERVE).bound) == (10.0, 12.0)
    take(made, SERVE, served(CHAIN, CHAIN_TOKENS, 10.0))
    assert (known(made, SERVE).value, known(made, SERVE).bound, known(made, SERVE).status) == (10.0, 10.0, "optimal")


@pytest.mark.parametrize(
    ("path", "claimed", "complaint"),
    [
        (TRAIN, trained(REPLICAS, 0.011), "claimed 0.011 s, recomputed 0.012 s"),
        (TRAIN, trained(replace(REPLICAS, data_parallel=1), REPLICAS_S), "data_parallel"),
        (SERVE, served(TWINS, 11.0, 12.0), "claimed 11 tokens/s, recomputed 10 tokens/s"),
        (SERVE, served(Placement(layers={"b.0": (0, 2)}), 11.0, 12.0), "no such machine"),
        (SERVE, served(replace(TWINS, partial_inference=True), 10.0, 10.0), "partial_inference = true"),
    ],
)
def test_what_the_judge_does_not_confirm_is_refused_and_changes_nothing(path, claimed, complaint, made):
    before = (made / TABLE).read_bytes()
    with pytest.raises(Discrepancy, match=complaint):
        take(made, path, claimed)
    assert (made / TABLE).read_bytes() == before
    assert wrong(made) == []


def test_a_result_says_itself_to_have_been_verified_in_vain(made):
    with pytest.raises(Discrepancy):
        take(made, TRAIN, trained(REPLICAS, 0.011, verified=True))


def test_a_result_without_a_plan_is_refused(made):
    with pytest.raises(PlanError, match="status 'unknown' has no plan, expected one"):
        take(made, TRAIN, result(None, None))


def test_an_instance_of_no_library_is_refused(made):
    with pytest.raises(InputError, match=r"made/other\.json: no instance of the library"):
        take(made, "made/other.json", trained(REPLICAS, REPLICAS_S))


def test_the_other_kind_of_result_is_refused(made):
    with pytest.raises(PlanError):
        take(made, TRAIN, served(TWINS, TWINS_TOKENS, TWINS_TOKENS))


def test_another_cost_model_is_another_question(made):
    take(made, TRAIN, trained(STAGES, STAGES_S, cost_model="amp"))
    keys = [row.key for row in read_rows(made / TABLE, BestKnown)]
    assert keys == [(SERVE, "flow"), (TRAIN, "amp"), (TRAIN, "pipeline")]
    assert wrong(made) == []
