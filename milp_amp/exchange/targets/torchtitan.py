"""torchtitan: the modules of every stage by name, one tensor degree, data parallelism by FSDP.

``parallelism.module_fqns_per_model_part`` lists modules such as ``layers.3``
(``torchtitan/distributed/pipeline_parallel.py``). Embeddings that are tied to the head exclude pipelines
(``torchtitan/models/common/decoder.py``). Plain replication beside another dimension of parallelism is refused by
torchtitan, FSDP is not.
"""

import json

from milp_amp.exchange.targets.decoder import Decoder, decoder, tied
from milp_amp.exchange.targets.rules import (
    divided_heads,
    merged,
    partial_batches,
    require_schedule,
    several_degrees,
    undivided_heads,
    whole_batches,
)
from milp_amp.exchange.targets.target import Launch, Target
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.files import to_json
from milp_amp.problem.instance import Instance
from milp_amp.problem.restrictions import LayerPin, Restrictions

NAME = "torchtitan"
_SCHEDULES = {"1f1b": "1F1B", "gpipe": "GPipe"}
_CHECKPOINTS = {"none": "None", "selective": "SelectiveAC.Config()", "full": "FullAC.Config()"}
_OLD_HEAD = "output"

Fields = dict[str, dict[str, object]]
"""Values by section and field of a configuration."""


def restrictions(instance: Instance) -> Restrictions:
    """One tensor degree that divides the heads; one stage where embeddings are tied."""
    _require(instance)
    found = decoder(instance, NAME)
    pins = (LayerPin(layers=(0, found.length), stage=0),) if tied(instance, found) else found.pins(at_least=0)
    asked = Restrictions(uniform_tensor_parallel=True, layer_pins=pins)
    return merged(asked, divided_heads(instance, repeats=False), whole_batches(instance))


def refusals(instance: Instance, strategy: Strategy) -> tuple[str, ...]:
    """Why it cannot run a plan."""
    _require(instance)
    found, count = decoder(instance, NAME), len(strategy.stages)
    alone = tied(instance, found) and count > 1
    return (
        *((f"stages: {count}, expected one where embeddings are tied",) if alone else ()),
        *several_degrees(strategy, NAME),
        *undivided_heads(instance, strategy, repeats=False),
        *found.misplaced(strategy),
        *partial_batches(instance, strategy),
    )


def launch(instance: Instance, strategy: Strategy) -> Launch:
    """Return a configuration file, and the same for configurations that are Python."""
    degrees, sequences = _degrees(instance, strategy), _sequences(instance, strategy)
    parts = modules(decoder(instance, NAME), strategy) if len(strategy.stages) > 1 else None
    placed = {"degrees": degrees, "sequences": sequences, "tokens": _tokens(instance, strategy), "modules": parts}
    named = {} if parts is None else {"module_fqns_per_model_part": [*parts[:-1], [*parts[-1][:-1], _OLD_HEAD]]}
    sections: Fields = {
        "parallelism": degrees["parallelism"] | sequences["parallelism"] | named,
        "training": sequences["training"],
        "activation_checkpoint": {"mode": instance.workload.recomputation},
    }
    notes = (
        "The training program is torchtitan.train. placed.toml has the sections that say where the layers are, for "
        "versions with configuration files (until 0.2, where the head is called output); placed(config) of placed.py "
        "sets the same in a configuration that is written in Python, where activation_checkpoint has to be "
        f"{_CHECKPOINTS[instance.workload.recomputation]} besides.",
    )
    files = {"placed.toml": _toml(sections), "placed.json": to_json(placed).decode()}
    return Launch(files=files, scripts=("placed.py",), notes=notes, program=("python3", "-m"))


def _toml(sections: Fields) -> str:
    """Spell a configuration file; what JSON writes on one line, TOML reads."""
    return "\n".join(
        line
        for section, values in sections.items()
        for line in (f"[{section}]", *(f"{name} = {json.dumps(value)}" for name, value in values.items()), "")
    )


def _degrees(instance: Instance, strategy: Strategy) -> Fields:
    fields: dict[str, object] = {
        "pipeline_parallel_degree": strategy.pipeline_parallel,
        "tensor_parallel_degree": strategy.tensor_parallel,
        "data_parallel_replicate_degree": 1,
        "data_parallel_shard_degree": strategy.data_parallel,
        "fsdp_reshard_after_forward": "always" if instance.workload.zero_stage == 3 else "never",
        "pipeline_parallel_schedule": _SCHEDULES[strategy.schedule],
    }
    return {"parallelism": fields}


def _sequences(instance: Instance, strategy: Strategy) -> Fields:
    """Return the batch as versions until 0.3 count it."""
    workload, pipelined = instance.workload, strategy.pipeline_parallel > 1
    # Without a pipeline a local batch is computed at once, and gradients add up until the global batch is full.
    local = workload.global_batch_size // strategy.data_parallel if pipelined else strategy.microbatch_size
    return {
        "parallelism": {"pipeline_parallel_microbatch_size": strategy.microbatch_size},
        "training": {
            "local_batch_size": local,
            "global_batch_size": workload.global_batch_size,
            "seq_len": workload.sequence_length,
        },
    }


def _tokens(instance: Instance, strategy: Strategy) -> Fields:
    """Return the batch as later versions count it."""
    workload, together = instance.workload, strategy.data_parallel * strategy.microbatch_size
    return {
        "parallelism": {"num_pp_microbatches": workload.global_batch_size // together},
        "training": {
            "num_tokens_per_microbatch_per_dp_rank": strategy.microbatch_size * workload.sequence_length,
            "num_tokens_per_train_step": workload.global_batch_size * workload.sequence_length,
            "max_context_length": workload.sequence_length,
        },
    }


def modules(found: Decoder, strategy: Strategy) -> list[list[str]]:
    """Return the modules of every stage: ``[["tok_embeddings", "layers.0"], ["layers.1", "norm", "lm_head"]]``."""
    first, parts = 0, []
    for count in found.counts(strategy):
        parts.append([f"layers.{n}" for n in range(first, first + count)])
        first += count
    parts[0].insert(0, "tok_embeddings")
    parts[-1] += ["norm", "lm_head"]
    return parts


def _require(instance: Instance) -> None:
    require_schedule(instance, NAME, *_SCHEDULES)


TORCHTITAN = Target("torchtitan", NAME, restrictions, refusals, launch)
