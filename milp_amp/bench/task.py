"""One run: what decides its outcome, and what it may use. Light to import, as every worker of a cluster must."""

import hashlib

import msgspec

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


def digest_of(content: bytes) -> str:
    """Return what tells an instance from an earlier one of the same name."""
    return hashlib.sha256(content).hexdigest()[:_DIGEST_LETTERS]
