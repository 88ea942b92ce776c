"""What a trial's step consists of, taken apart so that numbers can be changed without pricing it again."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace

from milp_amp.bench.asked import instance_of, shape_of
from milp_amp.bench.placing import strategy_of
from milp_amp.bench.trials import Trial
from milp_amp.calibration.laws import CountedLayers, Law, Measured
from milp_amp.cost.memory import parameters
from milp_amp.cost.model import CostModel, PerByteCost, cost_model
from milp_amp.cost.network import Network, measure
from milp_amp.cost.sailor import SailorCost
from milp_amp.errors import InputError, PlanError
from milp_amp.judge.prices import Prices, price
from milp_amp.judge.rules import broken_structure
from milp_amp.judge.sailor import SailorPrices, price_sailor, unmeasured
from milp_amp.plan.strategy import Stage, Strategy
from milp_amp.problem.cluster import Cluster
from milp_amp.problem.instance import Instance
from milp_amp.roofline.catalogue import accelerator
from milp_amp.roofline.instance import chain_of_work

Rings = Callable[[float], tuple[float, ...]]
"""Seconds of every stage's synchronisation where it reaches a multiple of its bandwidth."""


@dataclass(frozen=True)
class Waits:
    """Prices where links are waited for only inside nodes, only between them, or not at all."""

    inside: Prices
    between: Prices
    fixed: Prices


@dataclass(frozen=True, kw_only=True)
class Pieces:
    """One trial that ran.

    Attributes
    ----------
    measured
        Seconds of a step.
    prices
        By the judge, with no number but those of the instance.
    links
        How they follow the links: costs per byte are taken apart, costs per message are computed anew.
    overhead
        Seconds that every stage takes per microbatch by the instance's own account; only costs per byte have it.
    laws
        For every stage, the seconds of its layers on each of its device types.
    parameters
        That one device of every stage holds and updates, divided among the replicas where these divide the state.
    whole
        Whether the only stage is the whole model.
    """

    measured: float
    tensor_parallel: int
    microbatch_size: int
    prices: Prices | SailorPrices
    links: Waits | Rings
    overhead: float
    laws: tuple[tuple[Law, ...], ...]
    parameters: tuple[float, ...]
    whole: bool


class Workshop:
    """Takes trials apart; networks are measured once.

    Raises
    ------
    InputError
        If a trial cannot be priced under the cost model.
    """

    def __init__(self, instance: Instance, cost_model_name: str) -> None:
        self._instance = instance
        self._cost_model = cost_model_name
        self._networks: list[tuple[Cluster, Network]] = []

    def pieces(self, trial: Trial, measured: float) -> Pieces:
        """Take a trial apart that took so many seconds."""
        try:
            asked = instance_of(self._instance, trial)
            strategy = strategy_of(asked, trial)
        except PlanError as failure:
            raise InputError(f"a trial cannot be priced: {failure}") from None
        costs = cost_model(self._cost_model, asked, self._network(asked.cluster))
        if broken := broken_structure(asked, strategy, costs):
            raise InputError(f"a trial cannot be priced: {broken[0]}")
        prices, links = self._prices(asked, strategy, costs)
        whole = len(strategy.stages) == 1
        overhead = asked.workload.stage_overhead(trial.tensor_parallel, trial.microbatch_size)
        shared = asked.workload.update_share(trial.data_parallel)
        chain = asked.model.chain
        return Pieces(
            measured=measured,
            tensor_parallel=trial.tensor_parallel,
            microbatch_size=trial.microbatch_size,
            prices=prices,
            links=links,
            overhead=0.0 if whole else overhead,
            laws=tuple(self._laws(asked, trial, stage, costs) for stage in strategy.stages),
            parameters=tuple(
                shared * parameters(chain[stage.start : stage.stop]) / stage.tensor_parallel
                for stage in strategy.stages
            ),
            whole=whole,
        )

    def _network(self, cluster: Cluster) -> Network:
        known = next((network for of, network in self._networks if of == cluster), None)
        if known is None:
            known = measure(cluster)
            self._networks.append((cluster, known))
        return known

    def _prices(
        self, asked: Instance, strategy: Strategy, costs: CostModel
    ) -> tuple[Prices | SailorPrices, Waits | Rings]:
        if isinstance(costs, SailorCost):
            return _by_message(asked, strategy, costs)

        def waiting(inside: bool, between: bool) -> Prices:
            network = _waited_for(costs.network, inside, between)
            return price(asked, strategy, _per_byte(cost_model(costs.name, asked, network)))

        joined = asked.cluster != self._instance.cluster  # nodes whose inside are the links between them
        waits = Waits(waiting(not joined, False), waiting(joined, True), waiting(False, False))
        return price(asked, strategy, costs), waits

    def _laws(self, asked: Instance, trial: Trial, stage: Stage, costs: CostModel) -> tuple[Law, ...]:
        hosts = (asked.cluster.host_of_device[group[0]] for group in stage.replicas)
        kinds = dict.fromkeys(host.group.device for host in hosts)
        law = _measured if trial.model is None else _counted
        return tuple(law(asked, trial, stage, kind, costs) for kind in kinds)


def _measured(asked: Instance, trial: Trial, stage: Stage, device: str, costs: CostModel) -> Law:
    seconds = costs.layer_seconds(device, trial.tensor_parallel, trial.microbatch_size)
    assert seconds is not None  # the structure is sound
    span = slice(stage.start, stage.stop)
    transformers = sum(layer.kind == "transformer" for layer in asked.model.chain[span])
    return Measured(device, trial.tensor_parallel, float(seconds[span].sum()), transformers)


def _counted(asked: Instance, trial: Trial, stage: Stage, device: str, costs: CostModel) -> Law:
    assert asked.counted is not None  # it has been priced
    assert trial.model is not None
    shape = shape_of(asked.counted.shape, trial.model)
    works = chain_of_work(shape, asked.workload, trial.tensor_parallel, trial.microbatch_size)
    full = asked.workload.recomputation == "full" and not isinstance(costs, SailorCost)
    passes = Counter(works[stage.start : stage.stop])
    return CountedLayers(
        accelerator(device), trial.tensor_parallel, asked.counted.efficiency, tuple(passes.items()), 2 if full else 1
    )


def _per_byte(costs: CostModel) -> PerByteCost:
    assert not isinstance(costs, SailorCost)  # of the same name as one that is not
    return costs


def _by_message(asked: Instance, strategy: Strategy, costs: SailorCost) -> tuple[SailorPrices, Rings]:
    prices = price_sailor(asked, strategy, costs)
    if missing := next(unmeasured(prices), None):
        raise InputError(f"a trial cannot be priced: {missing}")

    def rings(reached: float) -> tuple[float, ...]:
        workload = replace(asked.workload, gradient_bytes=asked.workload.gradient_bytes / reached)
        fewer = type(costs)(replace(asked, workload=workload), costs.network)
        return price_sailor(asked, strategy, fewer).synchronisation_seconds

    return prices, rings


def _waited_for(network: Network, inside: bool, between: bool) -> Network:
    """Return a network with endless bandwidth inside nodes, or between them, unless these are waited for."""
    here = np.eye(len(network.between), dtype=bool)
    return Network(
        between=np.where(np.where(here, inside, between), network.between, np.inf),
        outbound=network.outbound if between else np.full_like(network.outbound, np.inf),
        inbound=network.inbound if between else np.full_like(network.inbound, np.inf),
        latency=network.latency,
    )


def scaled(cluster: Cluster, inside: float, between: float) -> Cluster:
    """Return a cluster with factors on the bandwidths inside nodes, and between them."""
    groups = tuple(
        replace(
            group,
            bandwidth_GBps=inside * group.bandwidth_GBps,
            nic_GBps=None if group.nic_GBps is None else between * group.nic_GBps,
        )
        for group in cluster.nodes
    )
    links = tuple(replace(link, bandwidth_GBps=between * link.bandwidth_GBps) for link in cluster.links)
    curves = tuple(
        replace(curve, coefficients=tuple(between * value for value in curve.coefficients)) for curve in cluster.curves
    )
    return replace(cluster, nodes=groups, links=links, curves=curves)
