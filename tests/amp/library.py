"""What the tests of AMP's search share: the instances, the published trials, and a second way to price a plan."""

import csv
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from milp_amp.cost.memory import microbatches_in_flight, stage_bytes
from milp_amp.cost.model import CostModel
from milp_amp.cost.network import Network, measure
from milp_amp.problem.files import read
from milp_amp.problem.instance import Instance

HERE = Path(__file__).parent
INSTANCES = HERE.parents[1] / "instances" / "amp"
HOMOGENEOUS, MIXED, TRANSGAN = "gpt2-homogeneous", "gpt2-heterogeneous-cluster", "transgan-heterogeneous-model"
DEGREES = ("tensor_parallel", "data_parallel", "pipeline_parallel", "microbatch_size")
NAMES = (HOMOGENEOUS, MIXED, TRANSGAN)


@cache
def instance(name: str) -> Instance:
    return read(INSTANCES / f"{name}.json")


@cache
def network(name: str) -> Network:
    return measure(instance(name).cluster)


@dataclass(frozen=True)
class Trial:
    degrees: tuple[int, ...]
    boundaries: tuple[int, ...]
    predicted: float


def trials(name: str) -> list[Trial]:
    """Return the published trials of an instance."""
    with (HERE / f"{name}.csv").open() as stream:
        return [
            Trial(
                degrees=tuple(int(row[key]) for key in DEGREES),
                boundaries=tuple(int(value) for value in row["partition_boundaries"].split()),
                predicted=float(row["amp_predicted_s"]),
            )
            for row in csv.DictReader(stream)
        ]


def brute_force(world: Instance, costs: CostModel) -> float | None:
    """Price every partition of every candidate of AMP's space; the least seconds, ``None`` where none fits."""
    priced = (price(costs, t, d, b, cuts) for t, d, b, cuts in _every_plan(world))
    return min((seconds for seconds in priced if seconds is not None), default=None)


def _every_plan(world: Instance) -> Iterator[tuple[int, int, int, tuple[int, ...]]]:
    devices, batch = world.cluster.num_devices, world.workload.global_batch_size
    layers = world.model.num_layers
    for t, d, b in itertools.product(range(1, world.cluster.nodes[0].devices + 1), range(1, devices + 1), (1, 2, 4, 8)):
        profiled = any(entry.tensor_parallel == t for entry in world.profile)
        if profiled and world.cluster.nodes[0].devices % t == 0 and devices % (t * d) == 0 and batch % (d * b) == 0:
            p = devices // (t * d)
            for inner in itertools.combinations(range(1, layers), p - 1):
                yield t, d, b, (0, *inner, layers)


def price(costs: CostModel, t: int, d: int, b: int, cuts: tuple[int, ...]) -> float | None:
    """Seconds per step of one partition in rank order, rank by rank; ``None`` where it does not fit."""
    world, M = costs.instance, costs.instance.cluster.nodes[0].devices
    m, p = world.workload.global_batch_size // (d * b), len(cuts) - 1
    nodes = [[world.cluster.hosts[(t * r + t * d * s) // M] for r in range(d)] for s in range(p)]
    tau, kappa, sigma = [], [], []
    for s, (i, j) in enumerate(itertools.pairwise(cuts)):
        flight = microbatches_in_flight(world.workload.schedule, m, p - s)
        need = stage_bytes(world, world.model.chain[i:j], t, d, b, flight)
        if costs.limits_memory and any(need > world.cluster.device_types[n.group.device].memory for n in nodes[s]):
            return None
        tau.append(max(float(sum(costs.layer_seconds(n.group.device, t, b)[i:j])) for n in nodes[s]))
        ring = costs.synchronisation_seconds_per_byte([n.index for n in nodes[s]], t)
        sigma.append(ring * costs.stage_gradient_bytes(i, j))
        if s > 0:
            ends = ([n.index for n in nodes[s - 1]], [n.index for n in nodes[s]])
            kappa.append(costs.boundary_bytes(i - 1, t, b) * costs.transfer_seconds_per_byte(*ends))
    stations = tau + kappa if costs.links_are_stations else tau
    return sum(tau) + sum(kappa) + (m - 1) * max(stations) + max(sigma)
