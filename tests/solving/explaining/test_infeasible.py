"""Why there is no plan: what contradicts each other, and what would mend it."""

from dataclasses import replace
from functools import cache

import pytest

from milp_amp.plan.result import Status
from milp_amp.solving.explaining.asking import Asker
from milp_amp.solving.explaining.infeasible import ALL_REMEDIES, explain_infeasible
from milp_amp.solving.explaining.machines import more_nodes
from milp_amp.solving.explaining.members import MEMORY
from milp_amp.units import GiB
from tests.builders import instance
from tests.solving.explaining.checks import has_plan, mistakes
from tests.solving.explaining.drawing import asked

SEEDS = range(40)

QUICK = [kind for kind in ALL_REMEDIES if kind is not more_nodes]
"""More nodes take most of the time; the long run of ``benchmarks.explanations`` has them too."""

STATE_BYTES = 18
"""Per parameter, in mixed precision."""


def of(world, *texts, **options):
    return explain_infeasible(Asker(world, threads=1, **options), texts)


def texts_of(told):
    return [member.text for member in told.conflict.members]


def remedies_of(told, kind):
    return [remedy.text for remedy in told.remedies if remedy.kind == kind]


def two_devices(**fields):
    return instance(layer_ms={"fast": [3, 3]}, nodes=[("a", 1, "fast", 2)], **fields)


def layers_of_GiB(*sizes, memory_GiB=8.0, nodes=(("a", 2, "fast", 1),), **fields):
    """Return a world whose layers need that much memory each, and nothing else."""
    return instance(
        layer_ms={"fast": [3] * len(sizes), "slow": [6] * len(sizes)},
        nodes=nodes,
        parameters=[size * GiB / STATE_BYTES for size in sizes],
        memory_GiB=memory_GiB,
        **fields,
    )


@cache
def drawn(seed):
    world, texts = asked(seed)
    return world, explain_infeasible(Asker(world, threads=1), texts, QUICK)


@pytest.mark.parametrize("seed", SEEDS)
def test_an_explanation_holds_by_enumeration_and_its_remedies_work_when_solved_again(seed):
    world, told = drawn(seed)
    if told.status is Status.INFEASIBLE:
        assert list(mistakes(world, told)) == []
    else:
        assert told.plan is not None


def test_many_of_these_questions_have_no_plan_for_one_reason_or_for_several():
    sizes = [len(told.conflict.members) for _, told in map(drawn, SEEDS) if told.conflict]
    assert len(sizes) >= 25
    assert len([size for size in sizes if size > 1]) >= 8


def test_the_check_notices_a_member_too_many_and_one_too_few():
    """The agreement above would prove little otherwise."""
    world = two_devices()
    told = of(world, "microbatch_size=1", "pipeline_parallel=2", "stage_devices>=2")
    assert list(mistakes(world, told)) == []
    idle, *needed = told.members[:3]
    too_many = replace(told, conflict=replace(told.conflict, members=(idle, *needed)))
    assert list(mistakes(world, too_many)) == [f"enumeration finds no plan without {idle.text}"]
    too_few = replace(told, conflict=replace(told.conflict, members=(needed[0],)))
    assert list(mistakes(world, too_few)) == ["enumeration finds a plan that keeps the whole conflict"]


def test_two_stages_of_two_devices_do_not_fit_on_two_devices():
    told = of(two_devices(), "pipeline_parallel=2", "stage_devices>=2")
    assert texts_of(told) == ["pipeline_parallel=2", "stage_devices>=2"]
    assert told.conflict.irreducible
    assert remedies_of(told, "drop") == ["without pipeline_parallel=2", "without stage_devices>=2"]
    assert "stage_devices>=1 in place of stage_devices>=2" in remedies_of(told, "loosen")
    assert "pipeline_parallel=1 in place of pipeline_parallel=2" in remedies_of(told, "loosen")
    assert remedies_of(told, "nodes") == ["1 more node of group a"]


def test_what_has_no_part_in_the_contradiction_is_not_named():
    told = of(two_devices(), "microbatch_size=1", "pipeline_parallel=2", "stage_devices>=2", "even_layers")
    assert texts_of(told) == ["pipeline_parallel=2", "stage_devices>=2"]


def test_every_limit_of_a_count_is_a_member_of_its_own():
    told = of(two_devices(), "data_parallel<=2", "data_parallel<=1", "data_parallel>=2")
    assert texts_of(told) == ["data_parallel<=1", "data_parallel>=2"]
    assert remedies_of(told, "loosen") == [
        "data_parallel<=2 in place of data_parallel<=1",
        "data_parallel>=1 in place of data_parallel>=2",
    ]


def test_restrictions_of_the_file_and_of_the_caller_contradict_each_other():
    told = of(two_devices().restricted("idle a.0"), "pipeline_parallel<=2")
    assert texts_of(told) == ["idle a.0"]


def test_ten_GiB_need_two_more_on_devices_of_eight():
    told = of(layers_of_GiB(10, 10))
    assert texts_of(told) == [MEMORY]
    (remedy,) = told.remedies
    assert (remedy.text, remedy.too_little) == ("2.0 GiB more on every device", "1.9 GiB")


def test_memory_may_be_missing_on_one_type_of_devices_alone():
    world = layers_of_GiB(10, 7, memory_GiB=8.0, nodes=(("a", 1, "fast", 1), ("b", 1, "slow", 1)))
    texts = remedies_of(of(world), "memory")
    assert texts == [f"2.0 GiB more on every {where}" for where in ("device", "fast", "slow")]


def test_three_stages_of_five_GiB_need_three_devices_of_eight():
    told = of(layers_of_GiB(5, 5, 5))
    assert texts_of(told) == [MEMORY]
    assert remedies_of(told, "nodes") == ["1 more node of group a"]
    assert remedies_of(told, "memory") == ["2.0 GiB more on every device"]


def test_the_least_number_of_nodes_is_found_and_one_less_is_proved_too_few():
    told = of(layers_of_GiB(5, 5, 5, 5, 5))
    (remedy,) = [remedy for remedy in told.remedies if remedy.kind == "nodes"]
    assert (remedy.text, remedy.too_little) == ("3 more nodes of group a", "2 more nodes of group a")


def test_a_limit_of_stages_and_the_memory_contradict_each_other_though_each_leaves_a_plan():
    told = of(layers_of_GiB(6, 6), "pipeline_parallel<=1")
    assert texts_of(told) == ["pipeline_parallel<=1", MEMORY]
    assert remedies_of(told, "drop") == ["without pipeline_parallel<=1"]
    assert remedies_of(told, "loosen") == ["pipeline_parallel<=2 in place of pipeline_parallel<=1"]
    assert remedies_of(told, "memory") == ["4.0 GiB more on every device"]


def test_a_limit_is_moved_to_where_a_plan_begins_and_no_further():
    told = of(layers_of_GiB(6, 6, 6, nodes=(("a", 3, "fast", 1),)), "pipeline_parallel<=1")
    (remedy,) = [remedy for remedy in told.remedies if remedy.kind == "loosen"]
    assert remedy.text == "pipeline_parallel<=3 in place of pipeline_parallel<=1"
    assert remedy.too_little == "pipeline_parallel<=2"


def test_where_two_contradictions_stand_side_by_side_one_remedy_mends_both():
    told = of(layers_of_GiB(10, 10), "microbatch_size=3")
    assert told.several
    assert remedies_of(told, "drop") == []
    assert remedies_of(told, "memory") == ["without microbatch_size=3, 2.0 GiB more on every device"]


def test_one_hundred_steps_per_second_are_too_many_where_one_takes_twelve_milliseconds():
    """Two replicas run two microbatches of 6 ms each."""
    told = of(two_devices(batch=4, objective={"least_steps_per_second": 100.0}))
    assert texts_of(told) == ["--least-steps-per-second 100"]
    (remedy,) = [remedy for remedy in told.remedies if remedy.kind == "loosen"]
    assert remedy.text == "--least-steps-per-second 83.33 in place of --least-steps-per-second 100"
    assert remedy.too_little == "--least-steps-per-second 83.34"


def test_a_price_of_a_step_is_loosened_to_the_least_there_is():
    """One device runs four microbatches of 6 ms at 3600 $ an hour, 24 ms at 1 $ a second."""
    asks = {"most_price_per_step": 0.01}
    told = of(two_devices(batch=4, price_per_hour={"fast": 3600.0}, objective=asks))
    assert texts_of(told) == ["--most-price-per-step 0.01"]
    assert remedies_of(told, "loosen") == ["--most-price-per-step 0.024 in place of --most-price-per-step 0.01"]


def test_a_least_speed_holds_beside_restrictions_on_the_number_of_stages():
    """Two stages take (2 + 4 − 1) × 3 ms, no search under limits knows the number of stages."""
    world = two_devices(batch=4, objective={"least_steps_per_second": 70.0})
    told = of(world, "pipeline_parallel=2")
    assert texts_of(told) == ["pipeline_parallel=2", "--least-steps-per-second 70"]
    assert told.conflict.irreducible


def test_a_pin_may_have_another_stage_and_a_group_may_be_idle_but_for_a_node():
    pinned = of(two_devices(), "layer 0 in stage 1")
    assert remedies_of(pinned, "loosen") == ["layer 0 in stage 0 in place of layer 0 in stage 1"]
    idle = of(instance(nodes=[("a", 2, "fast", 1)]), "idle a")
    assert remedies_of(idle, "loosen") == ["idle a.1 in place of idle a"]


def test_a_machine_that_cannot_run_the_model_at_all_is_nobodys_wish():
    told = of(instance(layer_ms={("fast", 4): [3, 3]}, nodes=[("a", 1, "fast", 2)]), "data_parallel<=2")
    assert (told.status, texts_of(told), told.remedies) == (Status.INFEASIBLE, [], ())


def test_where_there_is_a_plan_it_is_returned():
    told = of(two_devices(), "data_parallel=1")
    assert told.status is Status.FEASIBLE
    assert told.plan.data_parallel == 1


def test_what_takes_too_long_is_not_decided():
    told = of(two_devices(), "pipeline_parallel=2", "stage_devices>=2", time_limit=1e-9)
    assert told.status is Status.UNKNOWN
    assert told.undecided == ("whether there is a plan: no time was left",)


def two_degrees():
    """Return two layers on devices of 1.5 GiB, where one type is measured in pairs and the other one alone.

    A pair needs 1 GiB per device for the first layer and 0.6 for the second, a single device 1.2 for the second.
    """
    return instance(
        layer_ms={("wide", 2): [3, 3], ("narrow", 1): [3, 3]},
        nodes=[("a", 1, "wide", 2), ("b", 1, "narrow", 1)],
        parameters=[2 * GiB / STATE_BYTES, 1.2 * GiB / STATE_BYTES],
        memory_GiB=1.5,
    )


def test_a_plan_that_was_found_without_a_restriction_may_keep_it_all_the_same():
    """Where the number of stages is asked for, not every search knows plans of several tensor degrees."""
    told = of(two_degrees(), "pipeline_parallel=2")
    assert told.status is Status.FEASIBLE
    assert [stage.tensor_parallel for stage in told.plan.stages] == [2, 1]


def test_enumeration_knows_plans_with_several_tensor_degrees():
    world = two_degrees().restricted("pipeline_parallel=2")
    assert has_plan(world, everywhere=True)
    assert not has_plan(world.restricted("uniform_tensor_parallel"), everywhere=True)
