"""What the judge says about a strategy."""

import msgspec

MEMORY_TOLERANCE = 1e-9
"""Relative excess of memory that counts as rounding: sums of the same bytes in another order differ by less."""


class StageMemory(msgspec.Struct, frozen=True, kw_only=True):
    """What every device of one stage needs, against the smallest device it uses.

    Attributes
    ----------
    device, device_type
        Address and type of the stage's device with the least memory (the first of them).
    memory_GiB
        What the stage needs on each of its devices, reserve included.
    capacity_GiB
        What that device has.
    """

    device: str
    device_type: str
    memory_GiB: float
    capacity_GiB: float

    @property
    def headroom_GiB(self) -> float:
        """Memory left on the smallest device; negative where the stage does not fit."""
        return self.capacity_GiB - self.memory_GiB

    @property
    def fits(self) -> bool:
        """Whether the stage fits into its smallest device, up to rounding."""
        return self.memory_GiB <= self.capacity_GiB * (1 + MEMORY_TOLERANCE)


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """A strategy, priced.

    Where the strategy breaks a rule that leaves its time without meaning (a layer without a stage, a device
    used twice, …), times are ``None``, tuples are empty, and ``violations`` says why. A strategy that only
    lacks memory, or follows another schedule than asked, still has its times.

    Attributes
    ----------
    cost_model
        Name of the cost model.
    step_time
        Seconds per step by the cost model's closed form.
    simulated_step_time
        Seconds per step by event simulation with the same costs; ``None`` under ``sailor``, whose costs do not say when
        a transfer begins, and for steps of very many passes.
    throughput
        Tokens per second at ``step_time``.
    steps_per_second
        The same in steps.
    price
        Money per step: the devices in use for ``step_time``, and the bytes that cross priced links; ``None`` where
        nothing in the cluster has a price.
    limiting
        The resource that takes the largest part of the step, in words.
    stage_seconds, boundary_seconds
        τ of every stage and κ of every boundary: seconds per microbatch, slowest replica. Under ``sailor`` a stage's
        seconds include the transfers at its ends.
    synchronisation_seconds
        σ of every stage: seconds per step.
    update_seconds
        Seconds per step of the optimizer's update; 0 under cost models without one.
    memory
        One entry per stage.
    violations
        One sentence for each broken rule: the field, what was read, what was expected.
    """

    cost_model: str
    step_time: float | None = None
    simulated_step_time: float | None = None
    throughput: float | None = None
    steps_per_second: float | None = None
    price: float | None = None
    limiting: str | None = None
    stage_seconds: tuple[float, ...] = ()
    boundary_seconds: tuple[float, ...] = ()
    synchronisation_seconds: tuple[float, ...] = ()
    update_seconds: float | None = None
    memory: tuple[StageMemory, ...] = ()
    violations: tuple[str, ...] = ()

    @property
    def valid(self) -> bool:
        """Whether the strategy breaks no rule."""
        return not self.violations

    @property
    def fullest(self) -> int | None:
        """Stage that fills the largest part of its smallest device's memory."""
        if not self.memory:
            return None
        return max(range(len(self.memory)), key=lambda s: self.memory[s].memory_GiB / self.memory[s].capacity_GiB)
