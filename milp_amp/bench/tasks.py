"""What is to be run: every instance with every formulation, cost model and seed."""

from collections.abc import Sequence

from milp_amp.bench.suite import InstanceFile
from milp_amp.bench.task import NO_COST_MODEL, Job, Task, digest_of
from milp_amp.cost.model import COST_MODELS
from milp_amp.errors import FormulationError, InputError
from milp_amp.formulation import names
from milp_amp.solving.chain import AUTO
from milp_amp.solving.serving import serving_names


def all_jobs(
    instances: Sequence[InstanceFile], formulations: Sequence[str], cost_models: Sequence[str], seeds: Sequence[int]
) -> tuple[Job, ...]:
    """Return every run once, instance by instance.

    Raises
    ------
    InputError
        If there is no formulation or no cost model of a name.
    """
    _check(formulations, cost_models)
    return tuple(
        Job(
            task=Task(
                instance=instance.label,
                digest=digest_of(instance.content),
                formulation=formulation,
                cost_model=cost_model,
                seed=seed,
            ),
            content=instance.content,
            refusal=_refusal(instance, formulation),
        )
        for instance in instances
        for cost_model in _cost_models(instance, cost_models)
        for formulation in dict.fromkeys(formulations)
        for seed in dict.fromkeys(seeds)
    )


def _check(formulations: Sequence[str], cost_models: Sequence[str]) -> None:
    installed = (*names(), *serving_names(), AUTO)
    for name in formulations:
        if name not in installed:
            raise FormulationError(f"no formulation {name!r}, expected one of {', '.join(installed)}")
    for name in cost_models:
        if name not in COST_MODELS:
            raise InputError(f"no cost model {name!r}, expected one of {', '.join(COST_MODELS)}")


def _cost_models(instance: InstanceFile, asked: Sequence[str]) -> tuple[str, ...]:
    return (NO_COST_MODEL,) if instance.question == "serving" else tuple(dict.fromkeys(asked))


def _refusal(instance: InstanceFile, formulation: str) -> str:
    """Say that a formulation answers another question than the instance asks, where it does."""
    fitting = {"training": names(), "serving": serving_names()}.get(instance.question)
    if fitting is None or formulation in (AUTO, *fitting):
        return ""
    other = "serving" if instance.question == "training" else "training"
    return f"{formulation} is about {other}, the instance about {instance.question}"
