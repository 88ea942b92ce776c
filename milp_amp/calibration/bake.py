"""An instance with fitted numbers in it: every cost, bound and plan then follows from them."""

from collections import Counter

from msgspec.structs import replace

from milp_amp.calibration.factors import EFFICIENCIES, Numbers, layer_seconds, layer_time, small_messages
from milp_amp.calibration.laws import efficiency
from milp_amp.calibration.pieces import scaled
from milp_amp.cost.layers import AMP_BACKWARD_RATIO
from milp_amp.errors import InputError
from milp_amp.problem.instance import Instance
from milp_amp.problem.model import Layer
from milp_amp.problem.profile import LayerTimes
from milp_amp.problem.workload import StageOverhead, Workload
from milp_amp.roofline.catalogue import accelerator
from milp_amp.roofline.instance import layer_times
from milp_amp.units import millisecond


def baked(instance: Instance, numbers: Numbers) -> Instance:
    """Return the instance with the numbers in its profile, its bandwidths and its workload.

    Raises
    ------
    InputError
        If efficiencies are to change and the instance does not say what its profile was counted from, or the numbers
        make an instance that none can be: layers without time, links beyond what is read.
    """
    inside, between = numbers.get("link[inside]", 1.0), numbers.get("link[between]", 1.0)
    counted = _counted(instance, numbers)
    try:
        return replace(
            counted,
            profile=_profile(counted, numbers),
            cluster=scaled(instance.cluster, inside, between),
            workload=_workload(instance, numbers),
        )
    except ValueError as failure:
        raise InputError(f"with the fitted numbers in it: {failure}") from None


def _counted(instance: Instance, numbers: Numbers) -> Instance:
    """Return the instance with the layers counted anew, where the numbers ask for it."""
    if not set(EFFICIENCIES) & set(numbers):
        return instance
    if instance.counted is None:
        raise InputError(
            "efficiencies were fitted, expected an instance with 'counted', as milp-amp profile writes them"
        )
    reached = efficiency(instance.counted.efficiency, numbers)
    shape, workload = instance.counted.shape, instance.workload
    profile = tuple(
        layer_times(shape, workload, accelerator(entry.device), entry.tensor_parallel, entry.microbatch_size, reached)
        for entry in instance.profile
    )
    return replace(instance, profile=profile, counted=replace(instance.counted, efficiency=reached))


def recounted(instance: Instance, numbers: Numbers) -> Instance:
    """Return the instance with the efficiencies among the numbers, and none of the others."""
    return _counted(instance, {name: value for name, value in numbers.items() if name in EFFICIENCIES})


def _profile(instance: Instance, numbers: Numbers) -> tuple[LayerTimes, ...]:
    """Return measured layers scaled, with what does not grow with the microbatch added.

    Seconds of a single microbatch size are proportional to it; a second point makes them affine.
    """
    full = instance.workload.recomputation == "full"
    share = 1 / (1 + AMP_BACKWARD_RATIO + full)  # of the forward pass, which then runs twice
    points = Counter((entry.device, entry.tensor_parallel) for entry in instance.profile)
    found = []
    for entry in instance.profile:
        found.append(_fitted(entry, instance.model.chain, numbers, share))
        alone = points[entry.device, entry.tensor_parallel] == 1
        if alone and layer_seconds(numbers, entry.tensor_parallel) != 0:
            found.append(_fitted(_doubled(entry), instance.model.chain, numbers, share))
    return tuple(found)


def _doubled(entry: LayerTimes) -> LayerTimes:
    def twice(values: tuple[float, ...] | None) -> tuple[float, ...] | None:
        return None if values is None else tuple(2 * value for value in values)

    return replace(
        entry,
        microbatch_size=2 * entry.microbatch_size,
        forward_ms=twice(entry.forward_ms),
        backward_ms=twice(entry.backward_ms),
    )


def _fitted(entry: LayerTimes, chain: tuple[Layer, ...], numbers: Numbers, share: float) -> LayerTimes:
    times = layer_time(numbers, entry.device, entry.tensor_parallel)
    added = layer_seconds(numbers, entry.tensor_parallel) / millisecond
    backward = entry.backward_ms or tuple(AMP_BACKWARD_RATIO * value for value in entry.forward_ms)

    def fitted(values: tuple[float, ...], part: float) -> tuple[float, ...]:
        extra = [part * added if layer.kind == "transformer" else 0.0 for layer in chain]
        return tuple(max(times * value + more, 0.0) for value, more in zip(values, extra, strict=True))

    both = fitted(entry.forward_ms, share), fitted(backward, AMP_BACKWARD_RATIO * share)
    return replace(entry, forward_ms=both[0], backward_ms=both[1])


def _workload(instance: Instance, numbers: Numbers) -> Workload:
    workload = instance.workload
    degrees = sorted({entry.tensor_parallel for entry in instance.profile if entry.tensor_parallel > 1})
    overheads = list(workload.stage_overheads)
    if numbers.get("stage_ms"):
        overheads.append(StageOverhead(ms=numbers["stage_ms"]))
    for name, value in numbers.items():
        if largest := small_messages(name):
            overheads += [StageOverhead(ms=value, tensor_parallel=t, largest_microbatch=largest) for t in degrees]
    return replace(
        workload,
        gradient_bytes=workload.gradient_bytes / numbers.get("synchronisation", 1.0),
        stage_overheads=tuple(overheads),
        update_ns_per_parameter=workload.update_ns_per_parameter + numbers.get("update_ns", 0.0),
        step_overhead_ms=workload.step_overhead_ms + numbers.get("step_ms", 0.0),
        reserve_GiB=workload.reserve_GiB + numbers.get("reserve_GiB", 0.0),
    )
