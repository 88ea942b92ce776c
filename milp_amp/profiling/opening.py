"""Where PyTorch is first needed, and what is said where it is not there."""

from milp_amp.errors import InputError
from milp_amp.profiling.bench import Bench, OutOfMemoryError
from milp_amp.profiling.request import Request


def open_bench(request: Request) -> Bench:
    """Put the parts of a model on the device that is asked for.

    Raises
    ------
    InputError
        If PyTorch or the device is missing, or the model's parts do not fit on it.
    """
    try:
        import torch
    except ImportError:
        raise InputError("PyTorch is not installed, expected pip install 'milp-amp[profile]'") from None
    if request.torch_device == "cuda" and not torch.cuda.is_available():
        raise InputError(
            f"--torch-device: cuda, but PyTorch {torch.__version__} finds no GPU, expected one, or --torch-device cpu"
        )
    from milp_amp.profiling.torch_bench import TorchBench  # it imports PyTorch

    try:
        return TorchBench(request)
    except OutOfMemoryError:
        raise InputError(
            f"{request.shape.name}: one layer, embedding and head do not fit on {request.torch_device}, "
            "expected a smaller model or a device with more memory"
        ) from None
