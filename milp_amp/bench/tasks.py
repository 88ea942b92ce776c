"""What is to be run: every instance with every formulation, cost model and seed."""

import hashlib
from collections.abc import Sequence

import msgspec

from milp_amp.bench.suite import InstanceFile
from milp_amp.cost.model import COST_MODELS
from milp_amp.errors import FormulationError, InputError
from milp_amp.formulation import names
from milp_amp.solving.chain import AUTO
from milp_amp.solving.serving import serving_names

NO_COST_MODEL = "-"
"""Of a question about serving, which no cost model prices."""

_DIGEST_LETTERS = 12


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What every run of a benchmark may use; runs under other settings are not of one table.

    Attributes
    ----------
    time_limit
        Seconds that a run is told to take; ``None`` for as long as it needs.
    memory_limit_GiB
        Resident memory above which a run is ended; ``None`` for no limit.
    threads
        Of one run.
    """

    time_limit: float | None = None
    memory_limit_GiB: float | None = None
    threads: int = 1


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One run, by what decides its outcome; ``digest`` is that of the instance's bytes."""

    instance: str
    digest: str
    formulation: str
    cost_model: str
    seed: int

    @property
    def name(self) -> str:
        """A file name that no other run has."""
        parts = (self.instance.replace("/", "~"), self.formulation, self.cost_model, str(self.seed), self.digest)
        return "~".join(parts)

    def __str__(self) -> str:
        return f"{self.instance}  {self.formulation}  {self.cost_model}  seed {self.seed}"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A task with all that a process anywhere needs for it; ``refusal`` says why there is nothing to run."""

    task: Task
    content: bytes
    refusal: str = ""


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
                digest=hashlib.sha256(instance.content).hexdigest()[:_DIGEST_LETTERS],
                formulation=formulation,
                cost_model=cost_model,
                seed=seed,
            ),
            content=instance.content,
            refusal=_refusal(instance, formulation),
        )
        for instance in instances
        for cost_model in (_cost_models(instance, cost_models))
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
