"""An instance for people: the model, the machines, what is known about their speed, and what is missing."""

from milp_amp.cost.coverage import Coverage, coverage
from milp_amp.cost.memory import parameters
from milp_amp.problem.instance import Instance
from milp_amp.view.table import table
from milp_amp.view.units_text import percent


def render_instance(instance: Instance) -> str:
    """Return the report of ``milp-amp inspect``."""
    model, cluster, workload = instance.model, instance.cluster, instance.workload
    lines = [
        f"{instance.name}",
        f"  model     {model.name}: {model.num_layers} layers, {parameters(model.chain) / 1e9:,.4g} billion parameters",
        f"  cluster   {cluster.num_devices} devices: {', '.join(_machines(instance))}",
        f"  workload  {workload.global_batch_size} × {workload.sequence_length} tokens per step, {workload.schedule}",
        f"  profile   {_origin(instance)}",
        *_calibration(instance),
    ]
    rows = coverage(instance)
    missing = [
        f"missing: {row.device} at tensor degree {row.tensor_parallel}" for row in rows if not row.microbatch_sizes
    ]
    known = [_row(row) for row in rows if row.microbatch_sizes]
    head = ("device", "tensor", "microbatches", "error between", "error beyond")
    return "\n".join(lines) + "\n\n" + table(head, known, right=(1, 3, 4)) + "".join(f"{line}\n" for line in missing)


def _machines(instance: Instance) -> list[str]:
    return [f"{group.count} × {group.devices} {group.device}" for group in instance.cluster.nodes]


def _origin(instance: Instance) -> str:
    if instance.counted is None:
        return "as given"
    reached = instance.counted.efficiency
    return f"counted from the model's shape, at {reached.compute:.2f} of the devices' peak"


def _calibration(instance: Instance) -> list[str]:
    record = instance.calibration
    if record is None:
        return []
    unseen = "-" if record.cross_validation_error is None else percent(record.cross_validation_error)
    numbers = ", ".join(f"{number.name} {number.value:.4g}" for number in record.numbers)
    return [
        f"  fitted    to {record.trials} trials under {record.cost_model}: mean error {percent(record.mean_error)}, "
        f"cross-validated {unseen}",
        f"            {numbers}",
    ]


def _row(row: Coverage) -> tuple[str, ...]:
    return (
        row.device,
        str(row.tensor_parallel),
        " ".join(map(str, row.microbatch_sizes)),
        _error(row.interpolation_error),
        _error(row.extrapolation_error),
    )


def _error(value: float | None) -> str:
    return "-" if value is None else percent(value)
