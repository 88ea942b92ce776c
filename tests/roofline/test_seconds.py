"""Operations are those of the literature; seconds follow from them and from the data sheets."""

from dataclasses import replace

import pytest

from milp_amp.errors import InputError
from milp_amp.problem.counted import Efficiency
from milp_amp.roofline import work
from milp_amp.roofline.catalogue import ACCELERATORS, accelerator
from milp_amp.roofline.seconds import seconds
from milp_amp.roofline.work import Work
from tests.roofline.configs import LLAMA_3_8B, MIXTRAL_8X7B
from tests.roofline.shapes import gpt, shape_of

PERFECT = Efficiency(compute=1.0, memory=1.0, link=1.0, launch_ms=0.0, reduction_us=0.0)
A100 = accelerator("A100-80")


@pytest.mark.parametrize("degree", [1, 2, 8])
def test_a_gpt_has_24_h2_and_4_sh_operations_per_token_shared_by_its_tensor_group(degree):
    """Narayanan et al., SC 2021, appendix."""
    h, s, tokens = 1024, 2048, 3 * 2048
    found = work.transformer(gpt(), 0, s, tokens, degree, 2.0)
    assert found.operations == pytest.approx(tokens * (24 * h**2 + 4 * s * h) / degree)


def test_grouped_queries_and_a_gate_count_as_they_are():
    """Llama-3-8B: queries and output h², keys and values h²/4 each, three matrices of 14336; two operations each."""
    h = 4096
    found = work.transformer(shape_of(LLAMA_3_8B), 0, 1024, 1, 1, 2.0)
    assert found.operations == 2 * (2.5 * h**2 + 3 * h * 14336) + 4 * 1024 * h


def test_a_token_passes_two_of_eight_experts():
    expert = 2 * 3 * 4096 * 14336
    one, two = (work.transformer(shape_of(config), 0, 1024, 1, 1, 2.0) for config in (LLAMA_3_8B, MIXTRAL_8X7B))
    assert two.operations - one.operations == expert


def test_a_tensor_group_reduces_two_states_of_a_layer_and_a_single_device_none():
    """2 (t-1)/t of two states of 2048 tokens, 1024 wide, 2 bytes each, at 300 GB/s."""
    alone, four = (work.transformer(gpt(), 0, 2048, 2048, degree, 2.0) for degree in (1, 4))
    assert (alone.reductions, alone.reduced_bytes) == (0, 0.0)
    assert four.reductions == 2
    wires = replace(four, operations=0.0, moved_bytes=0.0)
    assert seconds(wires, A100, 4, PERFECT) == pytest.approx(1.5 * 2 * 2048 * 1024 * 2 / 300e9)


def test_fused_attention_moves_all_but_its_scores():
    shape = gpt()
    plain, fused = (work.transformer(shape, 0, 2048, 1, 1, 2.0, fused_attention=on) for on in (False, True))
    assert plain.operations == fused.operations
    assert plain.moved_bytes - fused.moved_bytes == pytest.approx(2 * 2 * 2.5 * shape.heads * 2048)


def test_twice_the_peak_halves_what_only_computes():
    faster = replace(A100, tflops=2 * A100.tflops)
    computes = Work(operations=312e12)
    assert seconds(computes, A100, 1, PERFECT) == pytest.approx(1.0)
    assert seconds(computes, faster, 1, PERFECT) == pytest.approx(0.5)
    assert seconds(computes, A100, 1, Efficiency(compute=0.5, launch_ms=0.0)) == pytest.approx(2.0)


def test_a_head_takes_its_product_and_the_traffic_of_its_logits():
    """1000 tokens, 50,000 words: 2 · 1024 operations and 6 bytes per logit."""
    logits = 1000 * 50_000
    found = seconds(work.head(gpt(), 1000, 1), A100, 1, PERFECT)
    assert found == pytest.approx(logits * (2 * 1024 / 312e12 + 6 / 2039e9))


def test_a_device_with_nothing_to_do_waits_for_its_host():
    assert seconds(Work(launches=2.0), A100, 1, Efficiency(launch_ms=3.0)) == pytest.approx(6e-3)


def test_every_accelerator_stands_once_in_the_catalogue_with_a_source():
    assert len({each.name for each in ACCELERATORS}) == len(ACCELERATORS) >= 18
    assert all(each.source.split()[0] in {"NVIDIA", "AMD"} for each in ACCELERATORS)


def test_every_device_does_tens_to_hundreds_of_operations_per_byte_of_its_memory():
    """What all makers have built since 2017; and memory is faster than the way to another device."""
    assert all(50 < each.peak / each.memory_bandwidth < 450 for each in ACCELERATORS)
    assert all(each.memory_bandwidth > each.link for each in ACCELERATORS)


def test_an_unknown_accelerator_is_answered_with_those_that_are_known():
    with pytest.raises(InputError, match=r"'A100' is unknown, expected one of V100-16, .*MI300X"):
        accelerator("A100")
