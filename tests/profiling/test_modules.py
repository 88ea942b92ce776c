"""The parts that are built have the shape's parameters and its computation."""

import pytest

from milp_amp.roofline import parameters
from tests.profiling.table import shape

torch = pytest.importorskip("torch")

from milp_amp.profiling.modules import Attention, build  # noqa: E402

SEQUENCE = 16

SHAPES = {
    "llama": shape(),
    "gpt": shape(gated=False, biases=True, positions=SEQUENCE, key_value_heads=4),
    "wide-heads": shape(head_size=16),
    "odd-heads": shape(head_size=7),
    "qwen": shape(query_key_value_biases=True),
    "head-norms": shape(head_norms=True),
    "side-by-side": shape(layer_norms=1, norm_biases=True, gated=False),
    "sandwiched": shape(layer_norms=4),
    "without-norms": shape(layer_norms=0),
    "gated-with-biases": shape(biases=True),
    "embedding-norm": shape(embedding_norm=True, biases=True),
}


def count(module):
    return sum(weight.numel() for weight in module.parameters())


@pytest.mark.parametrize("name", SHAPES)
def test_parameters_are_those_that_the_shape_says(name):
    parts = build(SHAPES[name], SEQUENCE)
    assert count(parts["embedding"]) == parameters.embedding(SHAPES[name])
    assert count(parts["transformer"]) == parameters.transformer(SHAPES[name], 0)
    assert count(parts["head"]) == parameters.head(SHAPES[name]) + parameters.normalisation(SHAPES[name])


@pytest.mark.parametrize("name", SHAPES)
def test_hidden_states_go_through_the_chain_to_a_loss(name):
    parts, tokens = build(SHAPES[name], SEQUENCE), torch.randint(64, (3, SEQUENCE))
    hidden = parts["embedding"](tokens)
    after = parts["transformer"](hidden)
    assert hidden.shape == after.shape == (3, SEQUENCE, 32)
    assert parts["head"](after, tokens).shape == ()


def test_no_position_sees_a_later_one():
    layer = build(shape(), SEQUENCE)["transformer"]
    hidden = torch.randn(1, SEQUENCE, 32)
    changed = hidden.clone()
    changed[:, -1] += 1
    assert torch.equal(layer(hidden)[:, :-1], layer(changed)[:, :-1])


def test_rotated_positions_are_told_by_their_distance():
    attention = Attention(shape(), SEQUENCE)
    part = torch.randn(1, 1, 1, 8).expand(1, 1, SEQUENCE, 8)
    rotated = attention._rotate(part)[0, 0]
    products = rotated @ rotated.T
    for distance in (0, 1, 5):
        assert torch.allclose(products.diagonal(distance), products[0, distance].expand(SEQUENCE - distance), atol=1e-4)


def test_groups_of_queries_share_their_keys_in_order():
    """Repeating the matrices of keys and values gives the same attention as repeating what comes out of them."""
    grouped, full = Attention(shape(), SEQUENCE), Attention(shape(key_value_heads=4), SEQUENCE)
    queries, keys, values = grouped.inputs.weight.split(grouped.widths)
    spread = [part.unflatten(0, (2, 8)).repeat_interleave(2, dim=0).flatten(0, 1) for part in (keys, values)]
    full.inputs.weight = torch.nn.Parameter(torch.cat((queries, *spread)))
    full.output.weight = grouped.output.weight
    hidden = torch.randn(2, SEQUENCE, 32)
    assert torch.allclose(full(hidden), grouped(hidden), atol=1e-6)
