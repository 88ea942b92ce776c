"""What is asked when a model is served: which machine holds which layers, so that tokens flow fastest."""

from functools import cached_property
from typing import Annotated, Literal

import msgspec

from milp_amp.problem.cluster import Cluster, Node
from milp_amp.problem.types import Bandwidth, Name, NonNegativeFloat, PositiveFloat, PositiveInt, Title
from milp_amp.units import GBps

Seconds = Annotated[tuple[tuple[NonNegativeFloat, NonNegativeFloat], ...], msgspec.Meta(min_length=2)]
"""Points (size, milliseconds), from the smallest size to the largest; between two points on the line."""


class ServedModel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The model: a chain of equal layers, and what crosses a link for every token.

    Attributes
    ----------
    activation_bytes
        Of one token between two machines.
    token_bytes
        Of one token on its way from and to the coordinator.
    """

    name: Title
    num_layers: PositiveInt
    activation_bytes: PositiveFloat
    token_bytes: PositiveFloat


class Performance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one machine can do.

    Attributes
    ----------
    tokens_per_s
        By the number of layers it holds, from one on; it cannot hold more than there are entries.
    prompt_ms
        Of one layer, by the tokens of all prompts in a batch.
    decode_ms
        Of one layer, by the number of requests in a batch.
    kv_token_layers
        Tokens times layers that its cache has room for, by the number of layers it holds, from one on.
    """

    tokens_per_s: Annotated[tuple[PositiveFloat, ...], msgspec.Meta(min_length=1)]
    prompt_ms: Seconds | None = None
    decode_ms: Seconds | None = None
    kv_token_layers: tuple[NonNegativeFloat, ...] = ()

    def __post_init__(self) -> None:
        for field in ("prompt_ms", "decode_ms"):
            sizes = [size for size, _ in getattr(self, field) or ()]
            if sizes != sorted(set(sizes)):
                raise ValueError(
                    f"{field}: sizes {sizes[:5]} …, expected every size once, from the smallest to the largest"
                )
        if self.kv_token_layers and len(self.kv_token_layers) < len(self.tokens_per_s):
            raise ValueError(
                f"kv_token_layers: {len(self.kv_token_layers)} entries, expected {len(self.tokens_per_s)} or more"
            )

    @property
    def most_layers(self) -> int:
        """Layers that fit."""
        return len(self.tokens_per_s)


class Requests(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What users send: mean tokens of a prompt, and of the answer."""

    mean_prompt_tokens: PositiveFloat
    mean_output_tokens: PositiveFloat


class ServingInstance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """A model to serve on a cluster.

    Attributes
    ----------
    question
        What tells such a file from one about training.
    cluster
        Nodes are machines: the accelerators of one serve together. Under ``slowest_pair`` contention every pair has its
        bandwidth for itself.
    performance
        By the name of the group of nodes.
    coordinator_GBps
        What the coordinator, which every request starts from and returns to, exchanges with any machine, per direction.
    requests
        ``None`` where only the flow of tokens is of interest.
    """

    schema_version: Literal[1]
    question: Literal["serving"]
    name: Title
    source: str
    model: ServedModel
    cluster: Cluster
    performance: dict[Name, Performance]
    coordinator_GBps: Bandwidth
    requests: Requests | None = None

    def __post_init__(self) -> None:
        groups = [group.name for group in self.cluster.nodes]
        if missing := [name for name in groups if name not in self.performance]:
            raise ValueError(f"performance: {missing[0]!r} is missing, expected one for every group of nodes")
        if unknown := [name for name in self.performance if name not in groups]:
            raise ValueError(f"performance.{unknown[0]}: no such nodes, expected one of {', '.join(groups)}")

    @cached_property
    def machines(self) -> tuple[Node, ...]:
        """Every machine, in the order of the file."""
        return self.cluster.hosts

    def performance_of(self, machine: Node) -> Performance:
        """Return what a machine can do."""
        return self.performance[machine.group.name]

    def tokens_per_s(self, machine: Node, layers: int) -> float:
        """Return the tokens per second of a machine that holds so many layers."""
        return self.performance_of(machine).tokens_per_s[layers - 1]

    def link_tokens_per_s(self, bandwidth: float) -> float:
        """Return the tokens per second between two machines that exchange so many bytes per second."""
        return bandwidth / self.model.activation_bytes

    @property
    def entry_tokens_per_s(self) -> float:
        """Tokens per second between the coordinator and a machine."""
        return self.coordinator_GBps * GBps / self.model.token_bytes
