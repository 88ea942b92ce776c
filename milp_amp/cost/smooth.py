"""The step time of one plan as a differentiable function: what changes it most.

Everything that the step time is made of gets a *factor*: how fast a device type computes, how much a layer has to
compute, how wide a connection is. All are 1 on the cluster as it is. A plan's step time is a sum of terms

    Σ_parts max_i  seconds_i / factor_i

with maxima inside maxima: of replicas, of transfers that share, of stages. At a temperature ``T`` above 0 every maximum
becomes the norm ``(Σ x^(1/T))^T = exp(T · log Σ exp(log x / T))``: smooth, and never below it. At 0 it is the closed
form of the cost model itself. The slope by a factor at 1 says by how many seconds the step gets longer, for
every percent of the factor a hundredth of that.

Needs JAX: ``pip install 'milp-amp[gradient]'``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from milp_amp.cost.allreduce import AllReduce
from milp_amp.cost.amp import AmpCost
from milp_amp.cost.collectives import ring_volume
from milp_amp.cost.model import CostModel, PerByteCost
from milp_amp.cost.network import FloatArray
from milp_amp.cost.sailor import SailorCost
from milp_amp.cost.traffic import Pairs, Traffic
from milp_amp.errors import InputError
from milp_amp.plan.strategy import Stage, Strategy

MANY_STAGES = 4
"""Stages from which on the first one pays its activation twice, where stages move their own data."""

LEAST = 1e-300
"""Seconds that nothing is below: nothing is divided by zero."""

ALL = "*"
"""The other end of a node's whole way out or in."""

Load = tuple[float, tuple[str, str]]
"""Seconds, and the connection that they are spent on: from, to; ``("", type)`` for a device type."""


@dataclass(frozen=True)
class Factors:
    """Factors, or the slopes of the step time by them, in seconds.

    Attributes
    ----------
    layers
        ``(layers,)``: work of every layer.
    devices
        Speed of every device type.
    connections
        Bandwidth of every connection that the plan uses, from one node (or group of nodes) to another; a node's whole
        way out and in is that to and from ``"*"``, a device type's update under ``("", type)`` is no connection.
    """

    layers: FloatArray
    devices: dict[str, float]
    connections: dict[tuple[str, str], float]


@dataclass
class _Quantities:
    """Sums of maxima, as flat arrays: the loads of part ``part[n]``, the parts of quantity ``of[part]``."""

    seconds: list[float] = field(default_factory=list)
    key: list[tuple[str, str]] = field(default_factory=list)
    part: list[int] = field(default_factory=list)
    of: list[int] = field(default_factory=list)
    once: list[float] = field(default_factory=list)

    def add(self, parts: Sequence[Sequence[Load]], once: float = 0.0) -> None:
        """Add a quantity: the sum of the largest loads of its parts, and seconds that nothing changes."""
        for loads in parts:
            if loads:
                for seconds, key in loads:
                    self.seconds.append(seconds)
                    self.key.append(key)
                    self.part.append(len(self.of))
                self.of.append(len(self.once))
        self.once.append(once)


class SmoothCost:
    """The step time of one plan, and its slopes.

    Parameters
    ----------
    costs
        Leaf costs of the instance.
    strategy
        A plan with a sound structure.

    Raises
    ------
    InputError
        If JAX is not installed.
    """

    def __init__(self, costs: CostModel, strategy: Strategy) -> None:
        try:
            import jax
        except ImportError:
            raise InputError("JAX is not installed, expected pip install 'milp-amp[gradient]'") from None
        self._jax: Any = jax
        self._costs, self._strategy = costs, strategy
        instance = costs.instance
        self._of_device = instance.cluster.host_of_device
        batch = instance.workload.global_batch_size
        self._weight = -(-batch // (strategy.data_parallel * strategy.microbatch_size)) - 1
        self._rows = [row for s, stage in enumerate(strategy.stages) for row in self._layer_rows(s, stage)]
        if isinstance(costs, SailorCost):
            links, rings, updates = self._messages(costs)
        else:
            links, rings, updates = self._bytes(costs)
        self._links, self._rings, self._updates = links, rings, updates
        used = dict.fromkeys(key for each in (links, rings, updates) for key in each.key)
        self._types = tuple(instance.cluster.device_types)
        self._connections = tuple(key for key in used if key[0])

    @property
    def ones(self) -> Factors:
        """The factors of the cluster as it is."""
        layers = np.ones(self._costs.instance.model.num_layers)
        return Factors(layers, dict.fromkeys(self._types, 1.0), dict.fromkeys(self._connections, 1.0))

    def step_time(self, factors: Factors | None = None, temperature: float = 0.0) -> float:
        """Return seconds per step; at temperature 0 exactly, above it a little more."""
        with self._double():
            return float(self._seconds(self._arrays(factors or self.ones), temperature))

    def slopes(self, factors: Factors | None = None, temperature: float = 0.0) -> Factors:
        """Return the derivative of the step time by every factor."""
        with self._double():
            found = self._jax.grad(self._seconds)(self._arrays(factors or self.ones), temperature)
            layers, devices, connections = (np.asarray(each) for each in found)
        return Factors(
            layers,
            dict(zip(self._types, devices.tolist(), strict=True)),
            dict(zip(self._connections, connections.tolist(), strict=True)),
        )

    def _double(self) -> Any:
        """Return a context of double precision, which leaves the caller's settings alone."""
        return self._jax.enable_x64(True)

    def _arrays(self, factors: Factors) -> tuple[FloatArray, FloatArray, FloatArray]:
        devices = np.array([factors.devices[kind] for kind in self._types])
        return factors.layers, devices, np.array([factors.connections[key] for key in self._connections], float)

    # ------------------------------------------------------------------ the formula

    def _seconds(self, factors: tuple[Any, Any, Any], temperature: float) -> Any:
        np_, (layers, devices, _) = self._jax.numpy, factors
        stages = len(self._strategy.stages)
        work = np_.asarray(np.array([row for _, _, row, _ in self._rows])) @ layers
        speed = np_.concatenate([devices, np_.ones(1)])
        kinds = [self._types.index(kind) if kind else len(self._types) for _, kind, _, _ in self._rows]
        taken = work / speed[np.array(kinds)] + np.array([once for *_, once in self._rows])
        tau = self._maxima(taken, np.array([s for s, *_ in self._rows]), stages, temperature)
        moved, sigma = (self._summed(each, factors, temperature) for each in (self._links, self._rings))
        if isinstance(self._costs, SailorCost):
            stations, once = self._own(tau, moved, stages), 0.0
            once = self._largest(self._summed(self._updates, factors, temperature), temperature)
        else:
            kappa = moved[::2] + moved[1::2]
            stations = np_.concatenate([tau, kappa]) if self._costs.links_are_stations else tau
            once = kappa.sum()
        busy = stations[:stages]
        W = self._largest(stations, temperature)
        return busy.sum() + once + self._weight * W + self._largest(sigma, temperature)

    def _own(self, tau: Any, moved: Any, stages: int) -> Any:
        """Return what stages are busy with that move their own data."""
        if stages == 1:
            return tau
        np_ = self._jax.numpy
        forward, backward = moved[::2], moved[1::2]
        first, last = np.ones(stages - 1), np.ones(stages - 1)
        first[0] = 2.0 if stages >= MANY_STAGES else 1.0
        last[-1] = 2.0
        none = np_.zeros(1)
        return tau + np_.concatenate([forward * first, none]) + np_.concatenate([none, backward * last])

    def _summed(self, each: _Quantities, factors: tuple[Any, Any, Any], temperature: float) -> Any:
        """Return the quantities of a list."""
        np_, (_, devices, connections) = self._jax.numpy, factors
        once = np_.asarray(np.array(each.once))
        if not each.seconds:
            return once
        factor = np_.concatenate([devices, connections])
        place = {("", kind): n for n, kind in enumerate(self._types)}
        place |= {key: len(self._types) + n for n, key in enumerate(self._connections)}
        loads = np.array(each.seconds) / factor[np.array([place[key] for key in each.key])]
        parts = self._maxima(loads, np.array(each.part), len(each.of), temperature)
        return once + self._jax.ops.segment_sum(parts, np.array(each.of), len(each.once))

    def _maxima(self, values: Any, of: Any, count: int, temperature: float) -> Any:
        """Return the smooth maximum of every group of values, none of which is negative."""
        jax = self._jax
        most = jax.ops.segment_max(values, of, count)
        if temperature == 0:
            return most
        # Scaled by the largest so that powers neither overflow nor vanish; the norm does not depend on the scale.
        scale = jax.lax.stop_gradient(most) + LEAST
        powers = jax.ops.segment_sum((values / scale[of]) ** (1 / temperature), of, count)
        return scale * powers**temperature

    def _largest(self, values: Any, temperature: float) -> Any:
        return self._maxima(values, np.zeros(len(values), int), 1, temperature)[0]

    # ------------------------------------------------------------------ what it is made of

    def _layer_rows(self, s: int, stage: Stage) -> Iterator[tuple[int, str, FloatArray, float]]:
        """Yield stage, device type, seconds of its layers ``(layers,)`` and others, for every type it sits on."""
        costs, b = self._costs, self._strategy.microbatch_size
        whole = len(self._strategy.stages) == 1
        once = 0.0 if whole or isinstance(costs, SailorCost) else costs.stage_overhead(stage.tensor_parallel, b)
        inside = np.zeros(costs.instance.model.num_layers)
        inside[stage.start : stage.stop] = 1.0
        for kind in dict.fromkeys(self._of_device[group[0]].group.device for group in stage.replicas):
            seconds = costs.layer_seconds(kind, stage.tensor_parallel, b)
            if seconds is None:
                raise InputError(f"tensor degree {stage.tensor_parallel} is not profiled on {kind}, expected a profile")
            # AMP averages over all types, so the type of a stage's own devices changes nothing.
            yield s, "" if isinstance(costs, AmpCost) else kind, seconds * inside, once

    def _bytes(self, costs: PerByteCost) -> tuple[_Quantities, _Quantities, _Quantities]:
        """Return there and back over every boundary, and the synchronisation of every stage, at costs per byte."""
        stages, b = self._strategy.stages, self._strategy.microbatch_size
        traffic = Traffic(costs.network, costs.instance.cluster)
        reduce = AllReduce(traffic, costs.instance.workload.all_reduce == "hierarchical")
        links, rings = _Quantities(), _Quantities()
        for sender, receiver in pairwise(stages):
            volume = costs.boundary_bytes(sender.stop - 1, sender.tensor_parallel, b)
            v, w = self._nodes(sender), self._nodes(receiver)
            if isinstance(costs, AmpCost):
                alone = [load for pair in zip(v, w, strict=True) for load in self._slowest([pair])]
                links.add([[(volume / len(v) * seconds, ends)] for seconds, ends in alone])
                links.add([])
                continue
            there = traffic.exchanges(v, w)
            for pairs in (there, [(y, x) for x, y in there]):
                links.add([self._loads(traffic, pairs, volume, 1)], traffic.latency(pairs))
        for stage in stages:
            volume, nodes, t = (
                costs.stage_gradient_bytes(stage.start, stage.stop),
                self._nodes(stage),
                stage.tensor_parallel,
            )
            once = costs.synchronisation_latency(nodes, t) + volume * costs.update_seconds_per_byte(len(nodes), t)
            if isinstance(costs, AmpCost):
                share = volume * ring_volume(len(nodes)) / t
                edge = [(nodes[-1], nodes[0])] if len(nodes) > 1 else []
                rings.add([[(share * x, k)] for x, k in self._slowest(edge)])
                continue
            phases = [
                self._loads(traffic, phase.pairs, volume * phase.share * ring_volume(phase.size), phase.streams)
                for phase in reduce.phases(nodes, t)
            ]
            rings.add([[load for load in loads if load[0] > 0] for loads in phases], once)
        return links, rings, _Quantities()

    def _loads(self, traffic: Traffic, pairs: Pairs, volume: float, streams: int) -> list[Load]:
        """Return the seconds that every connection is busy with, if so many bytes cross each pair in every stream."""
        if not traffic.shared:
            return [(volume * x, key) for x, key in self._slowest(pairs)]
        network, names = traffic.network, [host.name for host in traffic.cluster.hosts]
        counts: dict[tuple[str, str], float] = {}
        width: dict[tuple[str, str], float] = {}
        for v, w in pairs:
            ends = (names[v], names[w])
            ways = {ends: network.between[v, w]}
            if v != w:
                ways |= {(names[v], ALL): network.outbound[v], (ALL, names[w]): network.inbound[w]}
            for key, bandwidth in ways.items():
                counts[key] = counts.get(key, 0) + streams if v != w else 1
                width[key] = float(bandwidth)
        return [(volume * count / width[key], key) for key, count in counts.items()]

    def _slowest(self, pairs: Pairs) -> list[Load]:
        """Return the seconds per byte of pairs that each have their bandwidth for themselves."""
        network, names = self._costs.network, [host.name for host in self._costs.instance.cluster.hosts]
        return [(1.0 / float(network.between[v, w]), (names[v], names[w])) for v, w in dict.fromkeys(pairs)]

    def _messages(self, costs: SailorCost) -> tuple[_Quantities, _Quantities, _Quantities]:
        """Return messages, rings and updates where seconds come from curves."""
        stages, b = self._strategy.stages, self._strategy.microbatch_size
        links, rings, updates = _Quantities(), _Quantities(), _Quantities()
        groups = [[self._of_device[group[0]].group for group in stage.replicas] for stage in stages]
        for (sender, v), (receiver, w) in pairwise(zip(stages, groups, strict=True)):
            size = costs.boundary_bytes(sender.stop - 1, sender.tensor_parallel, b)
            t, u = sender.tensor_parallel, receiver.tensor_parallel
            for ends, streams in ((zip(v, w, strict=True), (t, u)), (zip(w, v, strict=True), (u, t))):
                pairs = dict.fromkeys(ends)
                links.add([[(float(costs.transfer_seconds(size, x, y, *streams)), (x.name, y.name)) for x, y in pairs]])
        for stage, members in zip(stages, groups, strict=True):
            size = costs.ring_bytes(stage.start, stage.stop, stage.tensor_parallel)
            edges = dict.fromkeys(pairwise(members))
            found = [(float(costs.all_reduce_seconds(size, len(members), x, y)), (x.name, y.name)) for x, y in edges]
            rings.add([found])
            kinds = dict.fromkeys(member.device for member in members)
            starts = [float(costs.update_seconds(kind, stage.tensor_parallel, b)[stage.start]) for kind in kinds]
            updates.add([[(seconds, ("", kind)) for seconds, kind in zip(starts, kinds, strict=True)]])
        return links, rings, updates

    def _nodes(self, stage: Stage) -> list[int]:
        return [self._of_device[group[0]].index for group in stage.replicas]
