"""The fields of Piper's and dnn-partitioning's JSON that an instance has use for, by their own names."""

from typing import Literal

import msgspec

from milp_amp.problem.types import NonNegativeFloat, PositiveFloat, PositiveInt


class Choice(msgspec.Struct, frozen=True):
    """One way to run a node at a tensor degree (a "TMPC")."""

    id: str
    timePerSample: NonNegativeFloat
    parameterSize: NonNegativeFloat
    memoryUsageA: NonNegativeFloat
    memoryUsageB: NonNegativeFloat


class PiperNode(msgspec.Struct, frozen=True):
    """A layer."""

    id: int
    TMPCs: dict[PositiveInt, list[Choice]]
    name: str = "layer"


class PiperEdge(msgspec.Struct, frozen=True):
    """What a layer sends to another, in bytes."""

    sourceId: int
    destId: int
    communicationCost: NonNegativeFloat


class PiperFile(msgspec.Struct, frozen=True):
    """A graph of Piper."""

    maxDevices: PositiveInt
    maxMemoryPerDevice: PositiveFloat
    bandwidth: PositiveFloat
    nodes: list[PiperNode]
    edges: list[PiperEdge]


class PartitioningNode(msgspec.Struct, frozen=True):
    """A layer's forward or backward pass."""

    id: int
    fpgaLatency: NonNegativeFloat
    size: NonNegativeFloat = 0.0
    isBackwardNode: bool | Literal[0, 1] = False
    colorClass: int | None = None
    name: str = "layer"


class PartitioningEdge(msgspec.Struct, frozen=True):
    """What a layer sends to another, in units of time."""

    sourceId: int
    destId: int
    cost: NonNegativeFloat


class PartitioningFile(msgspec.Struct, frozen=True):
    """A graph of dnn-partitioning."""

    maxFPGAs: PositiveInt
    maxSizePerFPGA: PositiveFloat
    nodes: list[PartitioningNode]
    edges: list[PartitioningEdge]
