"""Descent finds the plans that exact search proves, is judged like any other, and stops when it is told to."""

import subprocess
import sys
import threading

import pytest

from milp_amp.bounds.prepass import prepare
from milp_amp.cli import main
from milp_amp.engine.limits import Limits
from milp_amp.errors import FormulationError
from milp_amp.formulation import load
from milp_amp.plan.result import Status
from milp_amp.problem.files import to_json
from milp_amp.solving import solve
from tests.builders import instance

pytest.importorskip("jax")

TWO_TYPES = {"fast": [2.0, 2.0, 2.0, 2.0], "slow": [6.0, 6.0, 6.0, 6.0]}


def two_types(**changes):
    """One node of each type with two devices; layers of 2 ms and of 6 ms."""
    return instance(TWO_TYPES, [("a", 1, "fast", 2), ("b", 1, "slow", 2)], batch=8, **changes)


@pytest.fixture(scope="module")
def answer():
    return solve(two_types(output_MB=0.1), "gradient", seed=3)


def test_it_finds_what_placement_search_proves(answer):
    proved = solve(two_types(output_MB=0.1), "placement_search")
    assert proved.status is Status.OPTIMAL
    assert answer.objective == pytest.approx(proved.objective, rel=1e-9)


def test_its_plan_is_judged_and_its_bound_is_below_it(answer):
    assert answer.verified
    assert answer.status is Status.FEASIBLE
    assert 0 < answer.bound < answer.objective


def test_the_same_seed_finds_the_same_plan(answer):
    again = solve(two_types(output_MB=0.1), "gradient", seed=3)
    assert again.strategy == answer.strategy
    assert [point.objective for point in again.trace] == [point.objective for point in answer.trace]


def test_a_stop_that_is_set_leaves_the_plan_it_started_from():
    world, stop = two_types(), threading.Event()
    stop.set()
    result = load("gradient")(world, prepare(world, "pipeline"), Limits(stop=stop))
    assert result.status in (Status.FEASIBLE, Status.UNKNOWN)
    assert result.runtime_s < 5


def test_memory_that_holds_two_layers_a_device_makes_it_use_two_stages():
    # Two layers of 1 GB of state fit on a fast device of 2 GiB, three do not; slow devices have no memory at all.
    world = two_types(parameters=1e9 / 18, memory_GiB={"fast": 2.0, "slow": 1e-6})
    result = solve(world, "gradient")
    assert [stage.layers for stage in result.strategy.stages] == [(0, 2), (2, 4)]
    assert result.objective == pytest.approx((2 + 8 - 1) * 4e-3)


def test_forbidden_tensor_degrees_are_not_used():
    free, restricted = (
        solve(each, "gradient")
        for world in [two_types(tensor_degrees=(1, 2), parameters=1.0, gradient_MB=1.0)]
        for each in (world, world.restricted("tensor_parallel<=1", "data_parallel<=1"))
    )
    assert any(stage.tensor_parallel == 2 for stage in free.strategy.stages) or free.strategy.data_parallel == 2
    assert all(stage.tensor_parallel == 1 for stage in restricted.strategy.stages)
    assert restricted.strategy.data_parallel == 1


def test_the_least_price_uses_the_cheap_devices():
    world = two_types(price_per_hour={"fast": 9.0, "slow": 1.0}, objective={"minimise": "price"})
    result = solve(world, "gradient")
    # 24 ms for each of 8 sequences on one slow device; a fast one takes a third of the time at nine times the price.
    assert result.objective == pytest.approx(8 * 24e-3 / 3600)


def test_its_plan_is_a_start_of_an_exact_search():
    result = solve(two_types(output_MB=0.1), "interval_dp", warm_start="gradient")
    assert result.status is Status.OPTIMAL
    assert any(note.startswith("gradient found a start of ") for note in result.notes)


def test_a_file_that_has_the_name_of_a_formulation_is_read(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "world.json").write_bytes(to_json(two_types()))
    (tmp_path / "gradient").write_text("{}")
    assert main(["solve", "world.json", "--warm-start", "gradient"]) == 20
    assert capsys.readouterr().err.startswith("milp-amp: error: gradient: Object missing")


def test_formulations_are_listed_without_jax():
    code = "import sys, milp_amp.formulation as f; f.names(); f.load('gradient'); sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_jax_one_line_names_the_extra(monkeypatch):
    for name in [name for name in sys.modules if name == "milp_amp.space.descent"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("milp_amp.space.descent", raising=False)
    monkeypatch.setitem(sys.modules, "jax", None)
    world = two_types()
    with pytest.raises(FormulationError, match=r"JAX is not installed, expected pip install 'milp-amp\[gradient\]'"):
        load("gradient")(world, prepare(world, "pipeline"), Limits())
