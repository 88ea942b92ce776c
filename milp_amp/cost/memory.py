"""Bytes on one device of a stage.

Weights, gradients and optimizer state of the stage's parameters, the activations of every microbatch
in flight, and the reserve (Korthikanti et al., arXiv 2205.05198, section 4; Megatron-LM's report).
"""

from milp_amp.problem.instance import Instance
from milp_amp.problem.model import Layer
from milp_amp.problem.workload import Schedule


def parameters(layers: tuple[Layer, ...]) -> float:
    """Return the parameters a stage holds; shared ones count once per stage."""
    shared = {s.name: s.parameters for layer in layers if (s := layer.shared_parameters)}
    return sum(layer.parameters for layer in layers) + sum(shared.values())


def microbatches_in_flight(schedule: Schedule, num_microbatches: int, stages_to_end: int) -> int:
    """Return how many microbatches a stage holds at most; the last stage is one stage from the end."""
    return min(num_microbatches, stages_to_end) if schedule == "1f1b" else num_microbatches


def stage_bytes(
    instance: Instance,
    layers: tuple[Layer, ...],
    tensor_parallel: int,
    microbatch_size: int,
    in_flight: int,
) -> float:
    """Return the bytes one device of the stage needs, reserve included."""
    workload = instance.workload
    state = workload.state_bytes * parameters(layers) / tensor_parallel
    activations = sum(layer.activation_bytes(tensor_parallel) for layer in layers)
    return state + microbatch_size * in_flight * activations + workload.reserve
