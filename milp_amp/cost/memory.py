"""Bytes on one device of a stage.

Weights, gradients and optimizer state of the stage's parameters, as far as the replicas do not divide them,
the activations of every microbatch in flight, and the reserve (Korthikanti et al., arXiv 2205.05198, section 4;
Megatron-LM's report).
"""

from milp_amp.problem.instance import Instance
from milp_amp.problem.model import Layer, TransformerShape
from milp_amp.problem.workload import Schedule, Workload


def parameters(layers: tuple[Layer, ...]) -> float:
    """Return the parameters a stage holds; shared ones count once per stage."""
    shared = {s.name: s.parameters for layer in layers if (s := layer.shared_parameters)}
    return sum(layer.parameters for layer in layers) + sum(shared.values())


def microbatches_in_flight(schedule: Schedule, num_microbatches: int, stages_to_end: int) -> int:
    """Return how many microbatches a stage holds at most; the last stage is one stage from the end."""
    return min(num_microbatches, stages_to_end) if schedule == "1f1b" else num_microbatches


def activation_bytes(instance: Instance, layer: Layer, tensor_parallel: int) -> float:
    """Return the bytes one device keeps for one sequence until its backward pass."""
    given, shape = layer.given_activation_bytes(tensor_parallel), instance.model.shape
    if given is not None:
        return given
    if shape is None or layer.kind != "transformer":
        return 0.0
    return transformer_activation_bytes(shape, instance.workload, tensor_parallel)


def transformer_activation_bytes(shape: TransformerShape, workload: Workload, tensor_parallel: int) -> float:
    """Return what a transformer layer keeps for one sequence.

    With sequence ``s``, hidden size ``h``, heads ``a``, feed-forward width ``f``, tensor degree ``t`` and elements
    of ``e = 2`` bytes (a dropout's mask has one byte per element whatever the precision), of a GPT::

        none                 s h (10 + (8 + 4 f/h) / t + 5 a s / (h t))
        sequence parallel    s h (     (18 + 4 f/h) / t + 5 a s / (h t))
        selective            the same without the last term, the attention's scores
        full                 2 s h                                             the layer's input

    Source: Korthikanti et al., "Reducing activation recomputation in large transformer models", arXiv 2205.05198,
    section 4 and table 2, with ``f = 4 h`` there. Of the ten bytes, eight are four elements (two inputs of
    normalisations, two of linear layers) and two are masks; of ``5 a s / h``, four are two elements and one is
    a mask; queries, keys, values and the attention's output are the four elements of ``8``, input and output of the
    activation function the ``2 f/h`` of ``4 f/h``. Without dropouts their masks are gone, and of the scores one element
    is left. Grouped keys and values, and heads that are not as wide as the hidden size, change the ``8``, gates the
    ``4 f/h``.
    """
    t, e = tensor_parallel, workload.element_bytes
    hidden = workload.sequence_length * shape.hidden_size
    if workload.recomputation == "full":
        return e * hidden
    masks, score = (2, 2 * e + 1) if shape.dropout else (0, e)
    whole = 4 * e + masks
    divided = e * (shape.attention_widths + shape.ffn_tensors * shape.ffn_width) / shape.hidden_size
    scores = score * shape.heads * workload.sequence_length / shape.hidden_size
    if workload.recomputation == "selective":
        scores = 0.0
    return hidden * (whole / (t if workload.sequence_parallel else 1) + (divided + scores) / t)


def stage_bytes(
    instance: Instance,
    layers: tuple[Layer, ...],
    tensor_parallel: int,
    data_parallel: int,
    microbatch_size: int,
    in_flight: int,
) -> float:
    """Return the bytes one device of the stage needs, reserve included."""
    workload = instance.workload
    state = workload.state_bytes_per_parameter(data_parallel) * parameters(layers) / tensor_parallel
    activations = sum(activation_bytes(instance, layer, tensor_parallel) for layer in layers)
    return state + microbatch_size * in_flight * activations + workload.reserve
