"""Parameters are those of the published checkpoints, to the last one."""

import pytest

from milp_amp.roofline import parameters
from tests.roofline.configs import DEEPSEEK_MOE_16B, GPT2, PUBLISHED
from tests.roofline.shapes import gpt, shape_of


@pytest.mark.parametrize(("config", "published"), PUBLISHED.values(), ids=PUBLISHED)
def test_a_published_model_has_its_published_parameters(config, published):
    assert parameters.total(shape_of(config)) == published


def test_a_layer_of_a_gpt_has_twelve_times_the_hidden_size_squared():
    """Weights alone: 4 h² of attention, 8 h² of the feed-forward block; and two normalisations of h."""
    assert parameters.transformer(gpt(), 0) == 12 * 1024**2 + 2 * 1024


def test_the_parts_of_gpt_2_are_those_of_its_checkpoint():
    """Words and positions; 12 h² + 13 h in every layer; a weight and a bias at the end; the head is the embedding."""
    shape = shape_of(GPT2)
    assert parameters.embedding(shape) == (50257 + 1024) * 768
    assert parameters.transformer(shape, 11) == 12 * 768**2 + 13 * 768
    assert parameters.normalisation(shape) == 2 * 768
    assert parameters.head(shape) == 0


def test_the_first_layers_of_a_mixture_may_have_no_experts():
    shape = shape_of(DEEPSEEK_MOE_16B)
    attention, norms = 4 * 2048**2, 2 * 2048
    assert parameters.transformer(shape, 0) == attention + 3 * 2048 * 10944 + norms
    assert parameters.transformer(shape, 1) == attention + (64 + 2) * 3 * 2048 * 1408 + 64 * 2048 + norms
