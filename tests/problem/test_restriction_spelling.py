"""Restrictions come back from their own spelling."""

import pytest
from msgspec.structs import fields, replace

from milp_amp.problem.restriction_spelling import atoms, spelled
from milp_amp.problem.restrictions import RANGES, FixedStage, PartialPlan, Range, Restrictions
from tests.agreement.drawing import plain
from tests.agreement.restricting import restricted

FLAGS = [field.name for field in fields(Restrictions) if field.default is False]

TEXTS = (
    "tensor_parallel<=4",
    "tensor_parallel>=2",
    "data_parallel=2",
    "microbatch_size=1,2,4",
    "uniform_tensor_parallel",
    "even_layers",
    "layers 0-5 in stage 0",
    "layer 6 in stage -1",
    "nodes p3.0,g4dn in stage 1",
    "idle g4dn",
    "idle p3.1",
    "stage 0-5",
    "stage 6 on p3.0,g4dn.1",
)
"""One of every kind, in the order of the fields."""


def test_what_was_read_is_spelled_as_it_was_written():
    assert spelled(Restrictions.parse(TEXTS)) == TEXTS


def test_every_text_is_one_atom_and_the_atoms_are_the_whole():
    whole = Restrictions.parse(TEXTS)
    parts = list(atoms(whole))
    assert parts == [Restrictions.parse([text]) for text in TEXTS]
    together = Restrictions()
    for part in parts:
        together = together.merged(part)
    assert together == whole


def meaning(asked):
    """Numbers that every count may have, and all that is no count: a list of one value is that value."""
    allowed = [[number for number in range(1, 10) if getattr(asked, count).admits(number)] for count in RANGES]
    return allowed, replace(asked, **dict.fromkeys(RANGES, Range()))


@pytest.mark.parametrize("seed", range(300))
def test_random_restrictions_are_parsed_back_to_what_they_mean(seed):
    whole = restricted(plain(seed), seed).restrictions.merged(Restrictions())
    assert meaning(Restrictions.parse(spelled(whole))) == meaning(whole)


def test_a_partial_plan_is_spelled_by_its_numbers_and_stages():
    plan = PartialPlan(microbatch_size=2, data_parallel=3, stages=(FixedStage(layers=(0, 2)),))
    assert spelled(Restrictions(plan=plan)) == ("microbatch_size=2", "data_parallel=3", "stage 0-1")


def test_a_list_without_a_value_is_two_values_at_once():
    nothing = Restrictions(tensor_parallel=Range(one_of=()))
    assert spelled(nothing) == ("tensor_parallel=1", "tensor_parallel=2")
    assert Restrictions.parse(spelled(nothing)) == nothing


def test_no_restrictions_have_no_text():
    assert spelled(Restrictions()) == ()


@pytest.mark.parametrize("flag", FLAGS)
def test_every_flag_there_is_goes_by_the_name_of_its_field(flag):
    asked = Restrictions(**{flag: True})
    assert spelled(asked) == (flag,)
    assert Restrictions.parse([flag]) == asked
