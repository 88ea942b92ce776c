"""What restrictions leave of a searched space: pure functions, the same for every formulation.

A formulation asks, from the outside in,

1. ``allows_configuration``  whether a data degree, microbatch size and number of microbatches may be used;
2. ``allows_stage``          whether a stage may have a tensor degree and a number of devices;
3. ``mark``                  how a node is treated: nodes of different marks cannot be exchanged, idle ones not used;
4. ``stage_mask``            which intervals of layers may be a stage on nodes of given marks;
5. ``needs_stage_count`` and ``needs_stage_index``  whether that is all there is to say. If not, the number of
   stages must be one of ``stage_counts``, and where the index matters too, ``stage_mask`` must be asked for every
   stage by its index among a known number of stages.

What passes 1 to 4 (and 5 where it is needed) breaks no restriction but possibly ``uniform_tensor_parallel``,
``equal_end_tensor_parallel`` and ``compact_stages``, which are about more than an interval and its nodes; and the fixed
stages of a partial plan are stages of it: an interval that cuts one is none, and something covers its layers.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from milp_amp.problem.cluster import Node
from milp_amp.problem.restrictions import LayerPin, Restrictions

BoolArray = npt.NDArray[np.bool_]


def allows_configuration(
    restrictions: Restrictions, data_parallel: int, microbatch_size: int, num_microbatches: int
) -> bool:
    """Whether plans with these numbers are allowed at all."""
    asked = dict(restrictions.counts())
    return (
        asked["data_parallel"].admits(data_parallel)
        and asked["microbatch_size"].admits(microbatch_size)
        and asked["num_microbatches"].admits(num_microbatches)
    )


def allows_stage(restrictions: Restrictions, tensor_parallel: int, devices: int) -> bool:
    """Whether a stage may have this tensor degree, and this many devices over all its replicas."""
    return restrictions.tensor_parallel.admits(tensor_parallel) and restrictions.stage_devices.admits(devices)


def needs_stage_count(restrictions: Restrictions, num_layers: int) -> bool:
    """Whether the number of stages matters, other than by what their devices hold."""
    return not restrictions.pipeline_parallel.free or needs_stage_index(restrictions, num_layers)


def needs_stage_index(restrictions: Restrictions, num_layers: int) -> bool:
    """Whether a stage's index among all stages decides what it may be (for ``even_layers``, their number alone).

    Whatever holds the first layers is the first stage, and whatever holds the last ones the last: pins of these to
    those only say where no stage may end.
    """
    pinned = any(not _says_itself(pin, num_layers) for pin in restrictions.layer_pins)
    return restrictions.even_layers or pinned or bool(restrictions.node_pins)


def _says_itself(pin: LayerPin, num_layers: int) -> bool:
    start, stop = pin.layers
    return (start == 0 and pin.stage == 0) or (stop == num_layers and pin.stage == -1)


def stage_counts(restrictions: Restrictions, most: int) -> tuple[int, ...]:
    """Return the allowed numbers of stages from 1 to ``most``, rising."""
    return tuple(p for p in range(1, most + 1) if restrictions.pipeline_parallel.admits(p))


def restricted_counts(restrictions: Restrictions, most: int) -> tuple[int, ...] | None:
    """Return the allowed numbers of stages up to ``most``; ``None`` where no range restricts them."""
    return None if restrictions.pipeline_parallel.free else stage_counts(restrictions, most)


@dataclass(frozen=True)
class Mark:
    """How restrictions treat a node.

    Attributes
    ----------
    idle
        No stage may use it.
    pins
        Every stage that uses it must be each of these, counted from either end.
    fixed
        Those fixed stages of the partial plan, by their place in it, that may use it.
    device
        Its type, where a stage must be of one; else nothing.
    """

    idle: bool
    pins: frozenset[int]
    fixed: frozenset[int]
    device: str = ""

    def serves(self, index: int, stages: int) -> bool:
        """Whether stage ``index`` of ``stages`` may use the node."""
        return all(pin in (index, index - stages) for pin in self.pins)


def mark(restrictions: Restrictions, node: Node) -> Mark:
    """Return how a node is treated."""
    names = {node.name, node.group.name}
    return Mark(
        idle=not names.isdisjoint(restrictions.idle_nodes),
        pins=frozenset(pin.stage for pin in restrictions.node_pins if not names.isdisjoint(pin.nodes)),
        fixed=frozenset(
            k
            for k, stage in enumerate(restrictions.plan.stages)
            if stage.nodes is None or not names.isdisjoint(stage.nodes)
        ),
        device=node.group.device if restrictions.one_type_stages else "",
    )


def stage_mask(
    restrictions: Restrictions,
    num_layers: int,
    marks: Iterable[Mark],
    index: int | None = None,
    stages: int | None = None,
) -> BoolArray:
    """Return which intervals ``[i, j)`` may be a stage on nodes of these marks ``(layers, layers + 1)``.

    Parameters
    ----------
    index, stages
        The stage's place in the path and the number of stages. Without them only what holds for every place is asked.
    """
    distinct = frozenset(marks)
    allowed = (
        _interval_mask(restrictions, num_layers)
        if index is None or stages is None
        else _interval_mask_at(restrictions, num_layers, index, stages)
    )
    blocked = any(each.idle for each in distinct) or len({each.device for each in distinct}) > 1
    if index is not None and stages is not None:
        blocked = blocked or not all(each.serves(index, stages) for each in distinct)
    if blocked:
        return np.zeros_like(allowed)
    strangers = [k for k in range(len(restrictions.plan.stages)) if any(k not in each.fixed for each in distinct)]
    if strangers:
        allowed = allowed.copy()
        for k in strangers:
            allowed[restrictions.plan.stages[k].layers] = False
    return allowed


@lru_cache(maxsize=8)
def _interval_mask(restrictions: Restrictions, num_layers: int) -> BoolArray:
    """Return the intervals that cut no pinned layers apart, and are each fixed stage or miss it."""
    first, stop = np.arange(num_layers)[:, None], np.arange(num_layers + 1)[None, :]
    allowed: BoolArray = first < stop
    for pin in restrictions.layer_pins:
        allowed &= _holds(first, stop, *pin.layers) | _misses(first, stop, *pin.layers)
    for fixed in restrictions.plan.stages:
        start, end = fixed.layers
        allowed &= ((first == start) & (stop == end)) | _misses(first, stop, start, end)
    return _shared(allowed)


@lru_cache(maxsize=4096)
def _interval_mask_at(restrictions: Restrictions, num_layers: int, index: int, stages: int) -> BoolArray:
    """Return the intervals that may be stage ``index`` of ``stages``, wherever it sits."""
    first, stop = np.arange(num_layers)[:, None], np.arange(num_layers + 1)[None, :]
    allowed = _interval_mask(restrictions, num_layers).copy()
    for pin in restrictions.layer_pins:
        inside = pin.stage in (index, index - stages)
        allowed &= (_holds if inside else _misses)(first, stop, *pin.layers)
    if restrictions.even_layers:
        # Sizes that differ by at most one have the mean between them: all are its floor or its ceiling.
        allowed &= (stop - first == num_layers // stages) | (stop - first == -(-num_layers // stages))
    return _shared(allowed)


def _shared(table: BoolArray) -> BoolArray:
    """Return a table that is remembered, so that nobody may write into it."""
    table.flags.writeable = False
    return table


def _holds(first: npt.NDArray[np.int64], stop: npt.NDArray[np.int64], start: int, end: int) -> BoolArray:
    return (first <= start) & (stop >= end)


def _misses(first: npt.NDArray[np.int64], stop: npt.NDArray[np.int64], start: int, end: int) -> BoolArray:
    return (stop <= start) | (first >= end)
