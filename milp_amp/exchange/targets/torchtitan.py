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
from milp_amp.problem.instance import Instance
from milp_amp.problem.restrictions import LayerPin, Restrictions

NAME = "torchtitan"
_SCHEDULES = {"1f1b": "1F1B", "gpipe": "GPipe"}


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
    """Return a configuration file, and the same as a function for configurations that are Python."""
    fields = _fields(instance, strategy)
    toml = "\n".join(
        line
        for section, values in fields.items()
        for line in (f"[{section}]", *(f"{name} = {json.dumps(value)}" for name, value in values.items()), "")
    )
    python = "\n".join(
        (
            '"""Where the layers are."""',
            "",
            "",
            "def placed(config):",
            *(
                f"    config.{section}.{name} = {value!r}"
                for section, values in fields.items()
                for name, value in values.items()
            ),
            "    return config",
            "",
        )
    )
    notes = (
        "The training program is torchtitan.train. placed.toml has the sections that say where the layers are, for a "
        "configuration file; placed(config) of placed.py sets the same in a configuration that is written in Python.",
        "The head is called lm_head; in versions that call it output, so must placed.toml.",
    )
    return Launch(files={"placed.toml": toml, "placed.py": python}, notes=notes, program=("python3", "-m"))


def _fields(instance: Instance, strategy: Strategy) -> dict[str, dict[str, object]]:
    workload, d = instance.workload, strategy.data_parallel
    parallelism: dict[str, object] = {
        "pipeline_parallel_degree": strategy.pipeline_parallel,
        "tensor_parallel_degree": strategy.tensor_parallel,
        "data_parallel_replicate_degree": 1,
        "data_parallel_shard_degree": d,
        "fsdp_reshard_after_forward": "always" if workload.zero_stage == 3 else "never",
        "pipeline_parallel_schedule": _SCHEDULES[strategy.schedule],
        "pipeline_parallel_microbatch_size": strategy.microbatch_size,
    }
    if strategy.pipeline_parallel > 1:
        parallelism["module_fqns_per_model_part"] = modules(decoder(instance, NAME), strategy)
    training = {
        "local_batch_size": workload.global_batch_size // d,
        "global_batch_size": workload.global_batch_size,
        "seq_len": workload.sequence_length,
    }
    return {"parallelism": parallelism, "training": dict(training)}


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
