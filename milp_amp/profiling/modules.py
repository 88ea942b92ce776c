"""The parts of a decoder-only transformer, with random weights: what is computed matters, not what comes out."""

import torch
from torch import nn
from torch.nn import functional

from milp_amp.problem.shape import ModelShape
from milp_amp.profiling.bench import Part

ROTARY_BASE = 10_000.0
"""Su et al., arXiv 2104.09864, section 3.3."""


class Embedding(nn.Module):
    """Rows of the vocabulary, and of a learned position embedding where there is one; normalised where the model is."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.words = nn.Embedding(shape.vocabulary, shape.hidden_size)
        self.positions = nn.Embedding(shape.positions, shape.hidden_size) if shape.positions else None
        self.norm = _norm(shape) if shape.embedding_norm else nn.Identity()

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return the hidden states of ``tokens`` (sequences x positions)."""
        hidden = self.words(tokens)
        return self.norm(hidden if self.positions is None else hidden + self.positions.weight[: tokens.shape[1]])


class Attention(nn.Module):
    """Causal attention; queries share heads of keys and values in groups, and are rotated where nothing is learned."""

    def __init__(self, shape: ModelShape, sequence: int) -> None:
        super().__init__()
        self.heads, self.groups, self.head_size = shape.heads, shape.key_value_heads, shape.head_size
        self.widths = (shape.attention_width, shape.key_value_width, shape.key_value_width)
        entering = shape.biases or shape.query_key_value_biases
        self.inputs = nn.Linear(shape.hidden_size, sum(self.widths), bias=entering)
        self.output = nn.Linear(shape.attention_width, shape.hidden_size, bias=shape.biases)
        self.norms = nn.ModuleList(nn.RMSNorm(self.head_size) if shape.head_norms else nn.Identity() for _ in range(2))
        self.rotated = not shape.positions
        cosine, sine = _rotation(sequence, self.head_size)
        self.register_buffer("cosine", cosine, persistent=False)
        self.register_buffer("sine", sine, persistent=False)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return what every position attends to."""
        queries, keys, values = (self._split(part) for part in self.inputs(hidden).split(self.widths, dim=-1))
        queries, keys = self.norms[0](queries), self.norms[1](keys)
        if self.rotated:
            queries, keys = self._rotate(queries), self._rotate(keys)
        if self.groups < self.heads:
            # Written out: not every kernel of every version and precision takes fewer keys than queries.
            keys, values = (part.repeat_interleave(self.heads // self.groups, dim=1) for part in (keys, values))
        attended = functional.scaled_dot_product_attention(queries, keys, values, is_causal=True)
        return self.output(attended.transpose(1, 2).flatten(2))

    def _split(self, part: torch.Tensor) -> torch.Tensor:
        return part.unflatten(-1, (-1, self.head_size)).transpose(1, 2)

    def _rotate(self, part: torch.Tensor) -> torch.Tensor:
        return part * self.cosine + part.roll(self.head_size // 2, dims=-1) * self.sine


class FeedForward(nn.Module):
    """Two matrices around an activation function, or three where one of them is the gate of another."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.gated = shape.gated
        self.inner = nn.Linear(shape.hidden_size, shape.ffn_size * (2 if shape.gated else 1), bias=shape.biases)
        self.outer = nn.Linear(shape.ffn_size, shape.hidden_size, bias=shape.biases)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return the block's output for every position."""
        inner = self.inner(hidden)
        if not self.gated:
            return self.outer(functional.gelu(inner))
        gate, value = inner.chunk(2, dim=-1)
        return self.outer(functional.silu(gate) * value)


class Transformer(nn.Module):
    """One layer: attention and feed-forward block, with norms before them, after them too, or one before both."""

    def __init__(self, shape: ModelShape, sequence: int) -> None:
        super().__init__()
        count = shape.layer_norms
        self.side_by_side = count == 1
        norms = [_norm(shape) for _ in range(count)] + [nn.Identity()] * (4 - count)
        self.before, self.after = nn.ModuleList(norms[:2]), nn.ModuleList(norms[2:])
        self.attention = Attention(shape, sequence)
        self.feed_forward = FeedForward(shape)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return the hidden states of the next layer."""
        if self.side_by_side:
            entering = self.before[0](hidden)
            return hidden + self.attention(entering) + self.feed_forward(entering)
        hidden = hidden + self.after[0](self.attention(self.before[0](hidden)))
        return hidden + self.after[1](self.feed_forward(self.before[1](hidden)))


class Head(nn.Module):
    """The last norm, the logits of the whole vocabulary, and the loss in single precision."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.norm = _norm(shape)
        self.logits = nn.Linear(shape.hidden_size, shape.vocabulary, bias=False)

    def forward(self, hidden: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the loss, one number."""
        logits = self.logits(self.norm(hidden)).flatten(0, 1)
        return functional.cross_entropy(logits.float(), targets.flatten())


def build(shape: ModelShape, sequence: int) -> dict[Part, nn.Module]:
    """Return one of each part."""
    return {"embedding": Embedding(shape), "transformer": Transformer(shape, sequence), "head": Head(shape)}


def _norm(shape: ModelShape) -> nn.Module:
    """Return a norm of the hidden size: with a mean where it has a bias."""
    centred = shape.biases or shape.norm_biases
    return nn.LayerNorm(shape.hidden_size) if centred else nn.RMSNorm(shape.hidden_size)


def _rotation(sequence: int, head_size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return cosine and sine of every position and column; the sine is negative in the first half."""
    half = -(-head_size // 2)
    speeds = ROTARY_BASE ** -(torch.arange(half).float() / half)
    angles = torch.outer(torch.arange(sequence).float(), speeds)
    sine = torch.cat((-angles.sin(), angles.sin()), dim=-1)
    return torch.cat((angles, angles), dim=-1)[:, :head_size].cos(), sine[:, :head_size]
