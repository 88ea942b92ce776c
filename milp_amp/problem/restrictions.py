"""What the user forbids: restrictions that every plan has to keep, beside those of the machines."""

from collections.abc import Iterable, Iterator
from typing import Annotated

import msgspec

from milp_amp.errors import InputError
from milp_amp.problem.restriction_text import read_restriction
from milp_amp.problem.types import PositiveInt

StageNumber = Annotated[int, msgspec.Meta(ge=-(10**6), le=10**6)]
"""A stage, counted from 0; −1 is the last one."""

Interval = tuple[Annotated[int, msgspec.Meta(ge=0)], PositiveInt]
"""Layers ``[start, stop)``, as in a plan."""

NodeName = Annotated[str, msgspec.Meta(min_length=1, max_length=250)]
"""A node such as ``p3.0``, or a group of nodes such as ``p3``: all of them."""

NodeNames = Annotated[tuple[NodeName, ...], msgspec.Meta(min_length=1)]


class Range(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, repr_omit_defaults=True
):
    """The values that a count may take; what is ``None`` forbids nothing.

    An empty ``one_of`` leaves no value, as do limits that exclude each other: no plan keeps such a range.
    """

    at_most: PositiveInt | None = None
    at_least: PositiveInt | None = None
    exactly: PositiveInt | None = None
    one_of: tuple[PositiveInt, ...] | None = None

    @property
    def free(self) -> bool:
        """Whether every value is allowed."""
        return self == Range()

    @property
    def empty(self) -> bool:
        """Whether no value is allowed."""
        listed = self.one_of if self.exactly is None else (self.exactly,)
        if listed is not None:
            return not any(map(self.admits, listed))
        return self.at_most is not None and self.at_least is not None and self.at_most < self.at_least

    def admits(self, value: int) -> bool:
        """Whether a value is allowed."""
        return (
            (self.at_most is None or value <= self.at_most)
            and (self.at_least is None or value >= self.at_least)
            and (self.exactly is None or value == self.exactly)
            and (self.one_of is None or value in self.one_of)
        )

    def merged(self, other: "Range") -> "Range":
        """Return the range that keeps both."""
        exactly = {value for value in (self.exactly, other.exactly) if value is not None}
        lists = [set(values) for values in (self.one_of, other.one_of) if values is not None]
        if len(exactly) > 1:  # two numbers at once: none is left
            lists.append(set())
        return Range(
            at_most=min((n for n in (self.at_most, other.at_most) if n is not None), default=None),
            at_least=max((n for n in (self.at_least, other.at_least) if n is not None), default=None),
            exactly=exactly.pop() if len(exactly) == 1 else None,
            one_of=tuple(sorted(set.intersection(*lists))) if lists else None,
        )


class LayerPin(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of the layers ``[start, stop)`` lie in stage ``stage``; others may lie there too."""

    layers: Interval
    stage: StageNumber


class NodePin(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whatever is used of these nodes is used by stage ``stage``; it may use other nodes too, and leave these idle."""

    nodes: NodeNames
    stage: StageNumber


class FixedStage(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, repr_omit_defaults=True
):
    """Some stage holds exactly the layers ``[start, stop)``, on no other nodes than these (where they are given)."""

    layers: Interval
    nodes: NodeNames | None = None


class PartialPlan(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, repr_omit_defaults=True
):
    """A plan to complete: what it says stays, everything else is open."""

    microbatch_size: PositiveInt | None = None
    data_parallel: PositiveInt | None = None
    stages: tuple[FixedStage, ...] = ()


class Restrictions(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, repr_omit_defaults=True
):
    """What a plan must keep beside the limits of the machines; nothing by default.

    Attributes
    ----------
    tensor_parallel
        Tensor degree of every stage.
    data_parallel, microbatch_size, num_microbatches
        Replicas; sequences of a microbatch; microbatches of one replica in one step.
    pipeline_parallel
        Number of stages.
    stage_devices
        Devices of every stage, over all replicas.
    uniform_tensor_parallel
        All stages have the same tensor degree.
    equal_end_tensor_parallel
        The first and the last stage have the same tensor degree, as weights that they share may ask.
    one_type_stages
        All devices of a stage are of one type.
    compact_stages
        Every stage lies inside one node or takes whole nodes, all their devices.
    even_layers
        The numbers of layers of any two stages differ by at most one; so they are equal where the number of
        stages divides the number of layers.
    layer_pins, node_pins
        Layers that lie in a given stage; nodes that no other stage uses.
    idle_nodes
        Nodes (or groups of them) that no stage uses.
    plan
        A plan to complete.
    """

    tensor_parallel: Range = Range()
    data_parallel: Range = Range()
    pipeline_parallel: Range = Range()
    microbatch_size: Range = Range()
    num_microbatches: Range = Range()
    stage_devices: Range = Range()
    uniform_tensor_parallel: bool = False
    equal_end_tensor_parallel: bool = False
    one_type_stages: bool = False
    compact_stages: bool = False
    even_layers: bool = False
    layer_pins: tuple[LayerPin, ...] = ()
    node_pins: tuple[NodePin, ...] = ()
    idle_nodes: tuple[NodeName, ...] = ()
    plan: PartialPlan = PartialPlan()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> "Restrictions":
        """Read restrictions such as ``"tensor_parallel<=4"``; ``problem.restriction_text`` has the grammar.

        Raises
        ------
        InputError
            If one of them cannot be read; the line says which, and what is expected.
        """
        result = cls()
        for text in texts:
            try:
                result = result.merged(msgspec.convert(read_restriction(text), cls))
            except msgspec.ValidationError as failure:
                raise InputError(f"restriction {text!r}: {str(failure).split(' - at ')[0]}") from None
        return result

    @property
    def free(self) -> bool:
        """Whether nothing is restricted."""
        return self == Restrictions()

    def merged(self, other: "Restrictions") -> "Restrictions":
        """Return the restrictions that keep both."""
        ranges = {field: getattr(self, field).merged(getattr(other, field)) for field in RANGES}
        for plan in (self.plan, other.plan):
            # Two plans that disagree are no plan: numbers become ranges, and ranges of two numbers are empty.
            ranges["microbatch_size"] = ranges["microbatch_size"].merged(Range(exactly=plan.microbatch_size))
            ranges["data_parallel"] = ranges["data_parallel"].merged(Range(exactly=plan.data_parallel))
        flags = {flag: getattr(self, flag) or getattr(other, flag) for flag in FLAGS}
        return Restrictions(
            **ranges,
            **flags,
            layer_pins=(*self.layer_pins, *other.layer_pins),
            node_pins=(*self.node_pins, *other.node_pins),
            idle_nodes=(*self.idle_nodes, *other.idle_nodes),
            plan=PartialPlan(stages=(*self.plan.stages, *other.plan.stages)),
        )

    @property
    def contradiction(self) -> str | None:
        """A sentence about a count that no value is left for; ``None`` where every count has one.

        Restrictions may leave no plan for other reasons too: that takes a search to prove.
        """
        for field, allowed in self.counts():
            if allowed.empty:
                return f"restrictions.{field}: no value is left by {msgspec.json.encode(allowed).decode()}"
        return None

    def counts(self) -> Iterator[tuple[str, Range]]:
        """Yield every restricted count by its name, with what the partial plan says of it."""
        whole = self.merged(Restrictions())
        yield from ((field, getattr(whole, field)) for field in RANGES)

    def layer_intervals(self) -> Iterator[tuple[str, Interval]]:
        """Yield every interval of layers that is named, with the field it stands in."""
        yield from ((f"layer_pins[{k}].layers", pin.layers) for k, pin in enumerate(self.layer_pins))
        yield from ((f"plan.stages[{k}].layers", stage.layers) for k, stage in enumerate(self.plan.stages))

    def named_nodes(self) -> Iterator[tuple[str, str]]:
        """Yield every node or group that is named, with the field it stands in."""
        yield from ((f"node_pins[{k}].nodes", name) for k, pin in enumerate(self.node_pins) for name in pin.nodes)
        yield from (("idle_nodes", name) for name in self.idle_nodes)
        for k, stage in enumerate(self.plan.stages):
            yield from ((f"plan.stages[{k}].nodes", name) for name in stage.nodes or ())


RANGES = (
    "tensor_parallel",
    "data_parallel",
    "pipeline_parallel",
    "microbatch_size",
    "num_microbatches",
    "stage_devices",
)
"""The fields of ``Restrictions`` that hold a range."""

FLAGS = (
    "uniform_tensor_parallel",
    "equal_end_tensor_parallel",
    "one_type_stages",
    "compact_stages",
    "even_layers",
)
"""The fields of ``Restrictions`` that are asked for or not."""
