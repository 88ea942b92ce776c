"""Galvatron: one entry per decoder layer, equally many devices in every stage.

Its groups are cut from ``world size / pp_deg`` devices (``galvatron/core/runtime/hybrid_parallel_config.py``), so under
one data degree all stages have one tensor degree. The embedding lies where the first decoder layer lies, the head where
the last one does; ``vtp`` is their tensor degree.
"""

from milp_amp.errors import InputError
from milp_amp.exchange.targets.decoder import decoder
from milp_amp.exchange.targets.rules import (
    filled_ends,
    merged,
    partial_batches,
    require_schedule,
    unfilled_ends,
    whole_batches,
)
from milp_amp.exchange.targets.target import Launch, Target
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.files import to_json
from milp_amp.problem.instance import Instance
from milp_amp.problem.restrictions import Restrictions

NAME = "Galvatron"
_SCHEDULES = {"1f1b": "pipedream_flush", "gpipe": "gpipe"}
_DATA_TYPES = {0: "ddp", 2: "zero2", 3: "zero3"}


def restrictions(instance: Instance) -> Restrictions:
    """One tensor degree that divides the heads, and a decoder layer at both ends."""
    _require(instance)
    return merged(filled_ends(instance, NAME), whole_batches(instance))


def refusals(instance: Instance, strategy: Strategy) -> tuple[str, ...]:
    """Why it cannot run a plan."""
    _require(instance)
    sizes = sorted({sum(map(len, stage.replicas)) for stage in strategy.stages})
    uneven = (f"stages: {', '.join(map(str, sizes))} devices, expected equally many in each",) if len(sizes) > 1 else ()
    return (
        *uneven,
        *unfilled_ends(instance, strategy, NAME),
        *partial_batches(instance, strategy),
    )


def launch(instance: Instance, strategy: Strategy) -> Launch:
    """Return the configuration of a hybrid parallel model."""
    notes = [
        "The training program is a model's train_dist.py of Galvatron, with the arguments of the model and the data.",
        "Stages compute the scores of their attention again only under --use-flash-attn.",
    ]
    text = to_json(configuration(instance, strategy)).decode()
    recomputes = instance.workload.recomputation == "selective"
    return Launch(
        arguments=("--galvatron_config_path", "{here}/galvatron.json"),
        files={"galvatron.json": text},
        notes=tuple(notes if recomputes else notes[:1]),
    )


def configuration(instance: Instance, strategy: Strategy) -> dict[str, object]:
    """Return what Galvatron reads: numbers by layer, joined by commas."""
    counts, workload = decoder(instance, NAME).counts(strategy), instance.workload
    layers = sum(counts)
    shards = workload.zero_stage == 3
    return {
        "pp_deg": len(counts),
        "tp_sizes_enc": _each(layers, strategy.tensor_parallel),
        "tp_consecutive_flags": _each(layers, 1),
        "dp_types_enc": _each(layers, int(shards)),
        "use_sp": _each(layers, 0),
        "checkpoint": _each(layers, int(workload.recomputation == "full")),
        "global_bsz": workload.global_batch_size,
        "chunks": workload.global_batch_size // (strategy.data_parallel * strategy.microbatch_size),
        "pp_division": ",".join(map(str, counts)),
        "pipeline_type": _SCHEDULES[strategy.schedule],
        "default_dp_type": _DATA_TYPES[workload.zero_stage],
        "vtp": strategy.tensor_parallel,
        "vsp": 0,
        "embed_sdp": int(shards),
    }


def _each(layers: int, value: int) -> str:
    return ",".join([str(value)] * layers)


def _require(instance: Instance) -> None:
    require_schedule(instance, NAME, *_SCHEDULES)
    workload = instance.workload
    if workload.optimizer == "distributed" or workload.zero_stage not in _DATA_TYPES:
        raise InputError(
            f"workload: optimizer {workload.optimizer!r}, zero_stage {workload.zero_stage}, expected 'replicated' and "
            f"0, 2 or 3 for {NAME}"
        )


GALVATRON = Target("galvatron", NAME, restrictions, refusals, launch)
