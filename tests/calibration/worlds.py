"""Worlds, trials and numbers that the tests of this room share."""

import math
from dataclasses import replace as amended
from random import Random

from msgspec.structs import replace

from milp_amp.bench.asked import instance_of
from milp_amp.bench.placing import strategy_of
from milp_amp.bench.trials import Trial
from milp_amp.bench.validation import price_trials
from milp_amp.calibration.bake import baked
from milp_amp.calibration.pieces import Workshop
from milp_amp.calibration.predict import predict
from milp_amp.judge.evaluate import evaluate
from tests.builders import instance

GRANULES = 1e3
"""By how much bandwidths and bytes grow together, so that whole bytes per second are exact to 1e-11."""


def trial(t=1, d=1, boundaries=(0, 2), b=1, measured=1.0, **fields):
    return Trial(
        tensor_parallel=t,
        data_parallel=d,
        pipeline_parallel=len(boundaries) - 1,
        microbatch_size=b,
        boundaries=tuple(boundaries),
        measured=measured,
        **fields,
    )


def predicted(world, asked, numbers, cost_model="pipeline"):
    """What calibration says of a trial."""
    return predict(Workshop(world, cost_model).pieces(asked, 1.0), numbers)


def judged(world, asked, cost_model="pipeline"):
    """What the judge says of it."""
    question = instance_of(world, asked)
    return evaluate(question, strategy_of(question, asked), cost_model).step_time


def fine_grained(world):
    """The same seconds from a thousand times the bytes over a thousand times the bandwidth."""
    cluster, workload = world.cluster, world.workload
    nodes = tuple(
        replace(
            group,
            bandwidth_GBps=GRANULES * group.bandwidth_GBps,
            nic_GBps=group.nic_GBps and GRANULES * group.nic_GBps,
        )
        for group in cluster.nodes
    )
    links = tuple(replace(link, bandwidth_GBps=GRANULES * link.bandwidth_GBps) for link in cluster.links)
    return replace(
        world,
        cluster=replace(cluster, nodes=nodes, links=links),
        workload=replace(
            workload,
            element_bytes=GRANULES * workload.element_bytes,
            gradient_bytes=GRANULES * workload.gradient_bytes,
        ),
    )


def random_trial(world, dice, whole_batches=True):
    """A plan in rank order; ``None`` where the dice ask for more devices than there are."""
    t = dice.choice(sorted({entry.tensor_parallel for entry in world.profile}))
    batch, layers = world.workload.global_batch_size, world.model.num_layers
    d = dice.choice([d for d in range(1, batch + 1) if not (whole_batches and batch % d)])
    most = min(world.cluster.num_devices // (t * d), layers)
    if most < 1:
        return None
    share = batch // d
    b = dice.choice([b for b in range(1, share + 1) if not (whole_batches and share % b)])
    cuts = sorted(dice.sample(range(1, layers), dice.randint(1, most) - 1))
    return trial(t, d, (0, *cuts, layers), b)


def random_factor(dice):
    """Between a third and three."""
    return math.exp(dice.uniform(-1.1, 1.1))


def laboratory(**fields):
    """Eight equal transformer layers on two nodes of four devices each, at tensor degrees 1 and 2.

    A layer takes 3 ms, its output is 1 MB and its gradients 8 MB; links are 2 GB/s inside nodes and 1 between them.
    """
    defaults = {
        "layer_ms": {"fast": [3.0] * 8},
        "nodes": [("a", 2, "fast", 4)],
        "tensor_degrees": (1, 2),
        "output_MB": 1.0,
        "gradient_MB": 8.0,
        "inside_GBps": 2.0,
        "layer": {"kind": "transformer"},
        "batch": 16,
    }
    return instance(**{**defaults, **fields})


def plans(count):
    """Different plans for the laboratory: all degrees, equal stages."""
    every = [
        trial(t, d, tuple(range(0, 9, 8 // p)), b)
        for b in (1, 2, 4)
        for t in (1, 2)
        for d in (1, 2, 4)
        for p in (1, 2, 4)
        if t * d * p <= 8 and d * b <= 16
    ]
    assert count <= len(every)
    return Random(1).sample(every, count)


def measured(world, asked, numbers, noise=0.0, seed=0):
    """Trials as they would come from a cluster whose truth is the numbers, with log-normal noise."""
    dice = Random(seed)
    rows = price_trials(baked(world, numbers), asked, "pipeline")
    return [amended(row.trial, measured=row.predicted * math.exp(dice.gauss(0, noise))) for row in rows]
