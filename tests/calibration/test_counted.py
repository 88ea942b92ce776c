"""Trials that trained a model of their own: layers are counted anew at any efficiency."""

from dataclasses import replace as amended
from random import Random

import pytest
from msgspec.structs import replace

from milp_amp.bench.trials import Gpt
from milp_amp.calibration.bake import baked
from milp_amp.calibration.calibrate import Request, calibrate, take_apart
from milp_amp.calibration.choose import candidates
from milp_amp.calibration.factors import COUNTED
from milp_amp.errors import InputError
from milp_amp.problem.workload import Workload
from milp_amp.roofline.instance import instance_of
from milp_amp.roofline.machines import read_machines
from tests.calibration.worlds import judged, predicted, random_factor, trial
from tests.roofline.shapes import gpt

ROUNDED = 5e-4
"""Seconds of counted layers are given in four digits."""


def world(devices="2x4xA100-80", **workload):
    work = Workload(global_batch_size=8, sequence_length=1024, **workload)
    return instance_of(gpt(), read_machines(devices), work, name="counted", source="for a test")


def model(dice):
    heads = dice.choice([8, 16])
    return Gpt(
        hidden_size=heads * dice.choice([64, 128]),
        heads=heads,
        layers=dice.choice([2, 4, 6]),
        sequence_length=dice.choice([512, 2048]),
    )


def plan(dice, largest=4):
    """A plan for a model of its own, with an embedding and a head."""
    own = model(dice)
    t, d, p, b = dice.choice([t for t in (1, 2, 4, 8) if t <= largest]), dice.choice([1, 2]), dice.choice([1, 2]), 2
    if t * d * p > 8:
        d = p = 1
    middle = (own.layers // 2 + 1,) if p == 2 else ()
    return trial(t, d, (0, *middle, own.layers + 2), b, model=own)


@pytest.mark.parametrize("recomputation", ["none", "full"])
@pytest.mark.parametrize("seed", range(15))
def test_the_prediction_is_what_the_judge_says_at_the_efficiencies(seed, recomputation):
    dice = Random(seed)
    asked, counted = plan(dice), world(recomputation=recomputation)
    names = dice.sample([*COUNTED, "link[inside]", "link[between]", "synchronisation"], dice.randint(0, 8))
    numbers = {name: random_factor(dice) for name in names}
    truth = judged(baked(counted, numbers), asked)
    assert predicted(counted, asked, numbers) == pytest.approx(truth, rel=ROUNDED)


@pytest.mark.parametrize("seed", range(5))
def test_a_tensor_group_on_several_nodes_follows_the_links_between_them(seed):
    dice = Random(seed)
    own = model(dice)
    asked, counted = trial(8, 1, (0, own.layers // 2 + 1, own.layers + 2), 2, model=own), world("4x4xA100-80")
    before = predicted(counted, asked, {})
    assert before == pytest.approx(judged(counted, asked), rel=ROUNDED)
    for name in ("link[inside]", "link[between]"):
        truth = judged(baked(counted, {name: 0.1}), asked)
        assert predicted(counted, asked, {name: 0.1}) == pytest.approx(truth, rel=ROUNDED)


@pytest.mark.parametrize("name", ["link[inside]", "link[between]"])
def test_where_nodes_are_joined_so_do_groups_inside_one_node(name):
    """Tensor groups of eight do not fit on nodes of four: joined nodes, and larger ones too, have links inside."""
    own = Gpt(hidden_size=8192, heads=64, layers=2, sequence_length=2048)
    counted, asked = world("16xA100-80,2x4xA100-80"), trial(8, 2, (0, 4), 1, model=own)
    truth = judged(baked(counted, {name: 0.1}), asked)
    assert predicted(counted, asked, {name: 0.1}) == pytest.approx(truth, rel=ROUNDED)
    assert (truth > 1.5 * judged(counted, asked)) == (name == "link[between]")


@pytest.mark.parametrize(
    ("name", "slower", "degree"),
    [("compute", 0.5, 1), ("memory", 0.5, 1), ("wire", 0.5, 2), ("launch", 2.0, 1), ("reduction", 4.0, 2)],
)
def test_every_efficiency_makes_its_own_difference(name, slower, degree):
    asked = trial(degree, 1, (0, 6), 1, model=Gpt(hidden_size=1024, heads=16, layers=4, sequence_length=1024))
    before, after = predicted(world(), asked, {}), predicted(world(), asked, {name: slower})
    assert before * 1.001 < after < before * max(slower, 1 / slower)


def test_links_of_a_tensor_group_cost_nothing_where_there_is_none():
    asked = trial(1, 1, (0, 6), 1, model=Gpt(hidden_size=1024, heads=16, layers=4, sequence_length=1024))
    assert predicted(world(), asked, {"wire": 0.1, "reduction": 10.0}) == predicted(world(), asked, {})


def many(count=12):
    return [plan(Random(seed)) for seed in range(count)]


def times(counted, asked, numbers):
    return [amended(each, measured=judged(baked(counted, numbers), each)) for each in asked]


def test_efficiencies_that_made_the_times_are_found_again_and_kept_in_the_instance():
    truth = {"compute": 0.7, "launch": 2.0}
    found = calibrate(world(), times(world(), many(), truth), Request(names=tuple(truth)))
    assert {number.name: number.value for number in found.calibration.numbers} == pytest.approx(truth, rel=0.01)
    reached, before = found.counted.efficiency, world().counted.efficiency
    assert reached.compute == pytest.approx(0.7 * before.compute, rel=0.01)
    assert reached.launch_ms == pytest.approx(2.0 * before.launch_ms, rel=0.01)
    assert reached.memory == before.memory


def test_their_numbers_are_efficiencies_and_not_factors_on_a_profile():
    found = candidates(take_apart(world(), many(), "pipeline"))
    assert found[:5] == list(COUNTED)
    assert not [name for name in found if name.startswith("layer")]


def test_efficiencies_need_an_instance_that_was_counted():
    measured_once = replace(world(), counted=None)
    with pytest.raises(InputError, match=r"^efficiencies were fitted, expected an instance with 'counted'"):
        baked(measured_once, {"compute": 0.5})


def test_trials_with_a_model_of_their_own_and_without_have_no_common_ground():
    both = [*many(), trial(1, 1, (0, 6), 1)]
    with pytest.raises(InputError, match=r"^trials with a model of their own and without, expected one kind$"):
        calibrate(world(), both, Request(names=("compute",)))
