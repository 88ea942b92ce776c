"""Megatron-LM, and what takes the same layout: NeMo Megatron-Bridge.

One tensor degree for all stages, any decoder layers in each: ``--pipeline-model-parallel-layout`` spells the stages
(``megatron/core/transformer/pipeline_parallel_layer_layout.py``). Embedding and loss stand once, at its two ends. A
stage may hold nothing but them, or nothing at all. Ranks are numbered tensor first, then data, then pipeline
(``megatron/core/parallel_state.py``, order ``tp-cp-ep-dp-pp``), whatever the devices are.
"""

import json
from collections.abc import Mapping

from milp_amp.exchange.targets.decoder import decoder, tied
from milp_amp.exchange.targets.rules import (
    divided_heads,
    merged,
    partial_batches,
    require_schedule,
    require_zero,
    several_degrees,
    undivided_heads,
    whole_batches,
)
from milp_amp.exchange.targets.target import Launch, Target
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.instance import Instance
from milp_amp.problem.restrictions import Restrictions

NAME = "Megatron-LM"
_ENDS = ("first", "last")
_RECOMPUTED: dict[str, dict[str, object]] = {
    "none": {"recompute_granularity": None, "recompute_method": None, "recompute_num_layers": None},
    "selective": {"recompute_granularity": "selective", "recompute_method": None, "recompute_num_layers": None},
    "full": {"recompute_granularity": "full", "recompute_method": "uniform", "recompute_num_layers": 1},
}
"""What is computed again, by Megatron's names: a recipe may have set other values."""


def restrictions(instance: Instance) -> Restrictions:
    """One tensor degree that divides the heads, the embedding in the first stage, the head in the last one."""
    _require(instance)
    pins = decoder(instance, NAME, empty_stages=True).pins(at_least=0)
    asked = Restrictions(uniform_tensor_parallel=True, layer_pins=pins)
    return merged(asked, divided_heads(instance), whole_batches(instance))


def refusals(instance: Instance, strategy: Strategy) -> tuple[str, ...]:
    """Why it cannot run a plan."""
    _require(instance)
    return (
        *several_degrees(strategy, NAME),
        *undivided_heads(instance, strategy),
        *decoder(instance, NAME, empty_stages=True).misplaced(strategy),
        *partial_batches(instance, strategy),
    )


def layout(counts: tuple[int, ...]) -> str:
    """Spell the decoder layers of every stage: ``Et*6|t*7|t*4L``."""
    stages = ["t" if count == 1 else f"t*{count}" if count else "" for count in counts]
    return f"E{'|'.join(stages)}L"


def ends(counts: tuple[int, ...]) -> tuple[int, int] | None:
    """Return the decoder layers of the first and the last stage, where all the others have the same number of them.

    That is all that versions before the layout can be told; ``None`` where it is not enough.
    """
    if len(counts) < 2 or min(counts) < 1 or len(set(counts[1:-1])) > 1:
        return None
    return counts[0], counts[-1]


def parallelism(instance: Instance, strategy: Strategy) -> dict[str, int]:
    """Return the degrees and the batch, by Megatron's names."""
    return {
        "tensor_model_parallel_size": strategy.tensor_parallel,
        "pipeline_model_parallel_size": strategy.pipeline_parallel,
        "micro_batch_size": strategy.microbatch_size,
        "global_batch_size": instance.workload.global_batch_size,
        "seq_length": instance.workload.sequence_length,
    }


def shape(instance: Instance) -> dict[str, int]:
    """Return what is known of the model, by Megatron's names."""
    known = {"num_layers": len(decoder(instance, NAME, empty_stages=True).layers)}
    if (found := instance.model.shape) is not None:
        known |= {"hidden_size": found.hidden_size, "num_attention_heads": found.heads}
    return known


def switches(instance: Instance, tensor_parallel: int) -> tuple[str, ...]:
    """Return what the instance says of the optimizer, of what is computed again, and of parameters that are tied."""
    workload, found = instance.workload, []
    if not tied(instance, decoder(instance, NAME, empty_stages=True)):
        found.append("--untie-embeddings-and-output-weights")
    if workload.optimizer == "distributed" or workload.zero_stage:
        found.append("--use-distributed-optimizer")
    if workload.sequence_parallel and tensor_parallel > 1:
        found.append("--sequence-parallel")
    return (*found, *options(recomputed(workload.recomputation)))


def recomputed(what: str) -> dict[str, object]:
    """Return the options that say what is computed again; none where nothing is."""
    return {name: value for name, value in _RECOMPUTED[what].items() if value is not None}


def options(values: Mapping[str, object]) -> tuple[str, ...]:
    """Spell numbers as options: ``--num-layers 24``."""
    return tuple(word for name, value in values.items() for word in (f"--{name.replace('_', '-')}", str(value)))


def launch(instance: Instance, strategy: Strategy) -> Launch:
    """Return the arguments of ``pretrain_gpt.py``."""
    counts = decoder(instance, NAME, empty_stages=True).counts(strategy)
    common = (
        *options(parallelism(instance, strategy)),
        *options(shape(instance)),
        *switches(instance, strategy.tensor_parallel),
    )
    notes = ["The training program is Megatron-LM's pretrain_gpt.py, with the arguments of the model and the data."]
    if (old := ends(counts)) is not None:
        notes.append(
            "Versions without --pipeline-model-parallel-layout take instead of it: "
            f"--decoder-first-pipeline-num-layers {old[0]} --decoder-last-pipeline-num-layers {old[1]}"
        )
    spelled = ("--pipeline-model-parallel-layout", layout(counts)) if len(counts) > 1 else ()
    return Launch(arguments=(*common, *spelled), notes=tuple(notes))


def bridge(instance: Instance, strategy: Strategy) -> Launch:
    """Return the fields of a Megatron-Bridge configuration, as a module that sets them."""
    counts = decoder(instance, NAME, empty_stages=True).counts(strategy)
    workload, degrees = instance.workload, parallelism(instance, strategy)
    model = {name: degrees[name] for name in ("tensor_model_parallel_size", "pipeline_model_parallel_size")}
    fields: dict[str, object] = {f"model.{name}": value for name, value in model.items()}
    fields["model.pipeline_model_parallel_layout"] = layout(counts) if len(counts) > 1 else None
    for other in ("virtual_pipeline_model_parallel_size", *(f"num_layers_in_{end}_pipeline_stage" for end in _ENDS)):
        fields[f"model.{other}"] = None
    fields["model.sequence_parallel"] = workload.sequence_parallel and strategy.tensor_parallel > 1
    fields["model.seq_length"] = workload.sequence_length
    fields |= {f"model.{name}": value for name, value in _RECOMPUTED[workload.recomputation].items()}
    for owner in ("ddp", "optimizer"):
        fields[f"{owner}.use_distributed_optimizer"] = workload.optimizer == "distributed" or workload.zero_stage > 0
    fields["train.micro_batch_size"] = strategy.microbatch_size
    fields["train.global_batch_size"] = workload.global_batch_size
    lines = [f"    cfg.{name} = {_spelled(value)}" for name, value in fields.items()]
    text = "\n".join(['"""Where the layers are."""', "", "", "def placed(cfg):", *lines, "    return cfg", ""])
    note = "The training program calls placed(cfg) of placed.py on its ConfigContainer before pretrain(cfg, …)."
    return Launch(files={"placed.py": text}, notes=(note,))


def _spelled(value: object) -> str:
    return json.dumps(value) if isinstance(value, str) else repr(value)


def _require(instance: Instance) -> None:
    require_schedule(instance, NAME, "1f1b")
    require_zero(instance, NAME, 1)


MEGATRON = Target("megatron", "Megatron-LM", restrictions, refusals, launch)
BRIDGE = Target("megatron-bridge", "NeMo Megatron-Bridge", restrictions, refusals, bridge)
