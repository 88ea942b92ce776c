"""Seconds of a pass on a device: the slower of what the device does and what the host launches, and then the wires.

    seconds = √(device² + host²) + reductions · latency · (t − 1)
    device  = operations / (compute · peak) + moved / (memory · bandwidth) + ring bytes / (link · bandwidth)
    host    = launches · launch

Small matrix products so reach a smaller part of the peak than large ones: a device that waits for its host works at
``1 / √(1 + (host / device)²)`` of what it can.
"""

from math import hypot

from milp_amp.problem.counted import Efficiency
from milp_amp.roofline.catalogue import Accelerator
from milp_amp.roofline.work import Work
from milp_amp.units import microsecond, millisecond


def seconds(work: Work, device: Accelerator, tensor_parallel: int, efficiency: Efficiency) -> float:
    """Return the seconds of a pass on one device of a tensor group of ``tensor_parallel``."""
    t = tensor_parallel
    ring = 2 * (t - 1) / t * work.reduced_bytes / (efficiency.link * device.link)
    computed = work.operations / (efficiency.compute * device.peak)
    moved = work.moved_bytes / (efficiency.memory * device.memory_bandwidth)
    launched = work.launches * efficiency.launch_ms * millisecond
    waiting = work.reductions * efficiency.reduction_us * microsecond * (t - 1)
    return hypot(computed + moved + ring, launched) + waiting
