"""FlagScale's heterogeneous training on Megatron: a tensor degree and a device type per mesh.

A mesh is a run of stages with equal degrees on one type of device, ``[tensor, context, expert, data, pipeline]``
(``flagscale/train/hetero``). FlagScale sorts the ranks by the place of their device type in ``hetero_device_types``, so
a type that comes back after another one needs a name of its own each time. Tied embeddings need one tensor degree at
both ends; there is no stage for the embedding alone, and no virtual stage.
"""

import json
from collections.abc import Iterator, Mapping
from itertools import groupby

from milp_amp.exchange.targets import megatron
from milp_amp.exchange.targets.decoder import decoder, tied
from milp_amp.exchange.targets.rules import (
    bare_ends,
    divided_heads,
    merged,
    partial_batches,
    require_schedule,
    require_zero,
    undivided_heads,
    whole_batches,
)
from milp_amp.exchange.targets.target import Launch, Target
from milp_amp.plan.strategy import Stage, Strategy
from milp_amp.problem.instance import Instance
from milp_amp.problem.restrictions import Restrictions

NAME = "FlagScale"


def restrictions(instance: Instance) -> Restrictions:
    """One device type per stage; where embeddings are tied, one tensor degree at both ends."""
    _require(instance)
    found = decoder(instance, NAME)
    asked = Restrictions(
        one_type_stages=True,
        equal_end_tensor_parallel=tied(instance, found),
        layer_pins=found.pins(at_least=1),
    )
    return merged(asked, divided_heads(instance), whole_batches(instance))


def refusals(instance: Instance, strategy: Strategy) -> tuple[str, ...]:
    """Why it cannot run a plan."""
    _require(instance)
    found = decoder(instance, NAME)
    return (
        *_mixed(instance, strategy),
        *_untied(instance, strategy),
        *undivided_heads(instance, strategy),
        *found.misplaced(strategy),
        *bare_ends(strategy, found.counts(strategy)),
        *partial_batches(instance, strategy),
    )


def launch(instance: Instance, strategy: Strategy) -> Launch:
    """Return the arguments of ``flagscale/train/megatron/train_gpt.py``, and the same as a configuration."""
    labels = _labels(instance, strategy)
    hetero = _hetero(instance, strategy, labels)
    arguments = (
        *megatron.options(megatron.parallelism(instance, strategy)),
        *megatron.options(megatron.shape(instance)),
        *megatron.switches(instance, strategy.tensor_parallel),
        "--enable-hetero",
        *_listed("hetero-pipeline-layer-split", hetero["hetero_pipeline_layer_split"]),
        *_listed("hetero-process-meshes", hetero["hetero_process_meshes"]),
        *_listed("hetero-device-types", hetero["hetero_device_types"]),
        *("--hetero-current-device-type", "{label}"),
    )
    notes = (
        "The training program is FlagScale's train_gpt.py, with the arguments of the model and the data.",
        "hetero.yaml has the same as the system and model sections of a training configuration, for FlagScale's own "
        "runner with hostfile: it numbers ranks node by node and knows one type per node, so it can start this plan "
        "only where torchrun.sh stands here too.",
    )
    files = {"hetero.yaml": _yaml(instance, strategy, hetero)}
    return Launch(arguments=arguments, files=files, notes=notes, labels=labels)


def _hetero(instance: Instance, strategy: Strategy, labels: tuple[str, ...]) -> dict[str, list[int] | list[str]]:
    """Return the layers of every stage, and degrees and type of every mesh."""
    meshes = [
        (label, degree, len(list(run)))
        for (label, degree), run in groupby(zip(labels, strategy.stages, strict=True), lambda pair: _kind(*pair))
    ]
    return {
        "hetero_pipeline_layer_split": list(decoder(instance, NAME).counts(strategy)),
        "hetero_process_meshes": [n for _, t, p in meshes for n in (t, 1, 1, strategy.data_parallel, p)],
        "hetero_device_types": [label for label, _, _ in meshes],
    }


def _kind(label: str, stage: Stage) -> tuple[str, int]:
    return label, stage.tensor_parallel


def _labels(instance: Instance, strategy: Strategy) -> tuple[str, ...]:
    """Return a word for the devices of every stage: their type, numbered where it comes back after another one.

    No two runs of stages on one type have the same word, or FlagScale would take them for one.
    """
    types = [next(iter(_types(instance, stage))) for stage in strategy.stages]
    runs = [(name, len(list(run))) for name, run in groupby(types)]
    words = [name.replace(" ", "_") for name, _ in runs]
    if len(set(words)) < len(words):
        seen = [words[:position].count(word) for position, word in enumerate(words)]
        words = [f"{word}-{n}" if words.count(word) > 1 else word for word, n in zip(words, seen, strict=True)]
    if len(set(words)) < len(words):  # a type is called as another one is numbered
        words = [f"{word}-{position}" for position, word in enumerate(words)]
    return tuple(word for word, (_, count) in zip(words, runs, strict=True) for _ in range(count))


def _yaml(instance: Instance, strategy: Strategy, hetero: dict[str, list[int] | list[str]]) -> str:
    """Spell the configuration; what JSON writes on one line, YAML reads."""
    degrees, workload = megatron.parallelism(instance, strategy), instance.workload
    system: dict[str, object] = {name: degrees[name] for name in degrees if name.endswith("parallel_size")}
    system["sequence_parallel"] = workload.sequence_parallel and strategy.tensor_parallel > 1
    system["use_distributed_optimizer"] = workload.optimizer == "distributed" or workload.zero_stage > 0
    inner = {"enable_hetero": True, **hetero, "standalone_embedding_stage": False}
    untied = not tied(instance, decoder(instance, NAME))
    model = {**megatron.shape(instance), **{name: degrees[name] for name in degrees if name not in system}}
    system |= megatron.recomputed(workload.recomputation)
    model["untie_embeddings_and_output_weights"] = untied
    return "".join((*_section("system", system), *_section("  hetero", inner), *_section("model", model)))


def _section(name: str, fields: Mapping[str, object]) -> Iterator[str]:
    indent = " " * (len(name) - len(name.lstrip()) + 2)
    yield f"{name}:\n"
    yield from (f"{indent}{key}: {json.dumps(value)}\n" for key, value in fields.items())


def _listed(option: str, values: list[int] | list[str]) -> tuple[str, ...]:
    return (f"--{option}", *map(str, values))


def _mixed(instance: Instance, strategy: Strategy) -> Iterator[str]:
    for s, stage in enumerate(strategy.stages):
        if len(types := _types(instance, stage)) > 1:
            yield f"stages[{s}].replicas: devices of types {', '.join(types)}, expected one type per stage"


def _untied(instance: Instance, strategy: Strategy) -> Iterator[str]:
    first, last = (strategy.stages[end].tensor_parallel for end in (0, -1))
    if first != last and tied(instance, decoder(instance, NAME)):
        yield f"stages: tensor degrees {first} first and {last} last, expected one where embeddings are tied"


def _types(instance: Instance, stage: Stage) -> dict[str, None]:
    hosts = instance.cluster.host_of_device
    return dict.fromkeys(hosts[device].group.device for group in stage.replicas for device in group)


def _require(instance: Instance) -> None:
    require_schedule(instance, NAME, "1f1b")
    require_zero(instance, NAME, 1)


FLAGSCALE = Target("flagscale", NAME, restrictions, refusals, launch)
