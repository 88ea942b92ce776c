"""Passes and updates in PyTorch, on the CPU or on a GPU."""

import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from milp_amp.profiling.bench import Held, OutOfMemoryError, Part, Pass
from milp_amp.profiling.clock import Clock, EventClock, HostClock
from milp_amp.profiling.modules import build
from milp_amp.profiling.request import Request

_FULL = ("out of memory", "can't allocate memory", "not enough memory", "CUBLAS_STATUS_ALLOC_FAILED")
"""How PyTorch says that there is no memory; on the CPU it has no exception of its own for that."""


@dataclass(frozen=True)
class _Drill:
    """What goes into a part, and the gradient that comes back to it; ``None`` behind a loss."""

    inputs: tuple[torch.Tensor, ...]
    gradient: torch.Tensor | None


class TorchBench:
    """One transformer layer, the embedding and the head of a model, on one device."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._device = torch.device(request.torch_device)
        self._precision = getattr(torch, request.precision)
        self._on_gpu = request.torch_device == "cuda"
        self._clock: Clock = EventClock(torch.cuda) if self._on_gpu else HostClock()
        torch.manual_seed(0)
        with _fitting(), self._device:
            parts = build(request.shape, request.sequence)
            self._parts = {name: part.to(self._precision) for name, part in parts.items()}

    @property
    def machine(self) -> str:
        """What the device calls itself."""
        if self._on_gpu:
            return str(torch.cuda.get_device_name(self._device))
        return f"{platform.processor() or platform.machine()} CPU with {torch.get_num_threads()} threads"

    @property
    def software(self) -> str:
        """Name and version of what computes on it."""
        return f"PyTorch {torch.__version__}"

    def module(self, part: Part) -> Any:
        """Return a part as it was built."""
        return self._parts[part]

    def passes(self, part: Part, microbatch_size: int, runs: int) -> Sequence[Pass]:
        """Run a part forward and backward ``runs`` times in a row, and return the time of each.

        Gradients of the weights add up from run to run, as they do over the microbatches of a step.
        """
        clock = self._clock
        with _fitting():
            drill = self._drill(part, microbatch_size)
            marks = [self._pass(part, drill) for _ in range(runs)]
            clock.wait()
        return [
            Pass(clock.milliseconds(start, middle), clock.milliseconds(middle, stop)) for start, middle, stop in marks
        ]

    def updates(self, part: Part, runs: int) -> Sequence[float]:
        """Update a part's weights by AdamW ``runs`` times in a row, and return the milliseconds of each."""
        clock = self._clock
        with _fitting():
            update = self._update(part)
            marks = []
            for _ in range(runs):
                start = clock.mark()
                update()
                marks.append((start, clock.mark()))
            clock.wait()
        return [clock.milliseconds(start, stop) for start, stop in marks]

    def held(self, part: Part, microbatch_size: int) -> Held:
        """Run a part once and return what it holds."""
        with _fitting():
            drill = self._drill(part, microbatch_size)
            before = self._start_counting()
            stored = _Stored(self._parts[part])
            with torch.autograd.graph.saved_tensors_hooks(stored.add, lambda tensor: tensor):
                self._pass(part, drill)
        return Held(stored.bytes, torch.cuda.max_memory_allocated() - before if self._on_gpu else None)

    def _start_counting(self) -> int:
        if not self._on_gpu:
            return 0
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        return int(torch.cuda.memory_allocated())

    def _pass(self, part: Part, drill: _Drill) -> tuple[Any, Any, Any]:
        """Go forward and backward once; return the moments before, between and after."""
        drill.inputs[0].grad = None  # handed to the layer before, not added up
        start = self._clock.mark()
        output = self._parts[part](*drill.inputs)
        middle = self._clock.mark()
        output.backward(drill.gradient)
        return start, middle, self._clock.mark()

    def _drill(self, part: Part, microbatch_size: int) -> _Drill:
        shape = self._request.shape
        with self._device:
            tokens = torch.randint(shape.vocabulary, (microbatch_size, self._request.sequence))
            hidden = torch.randn(*tokens.shape, shape.hidden_size, dtype=self._precision)
        if part == "embedding":
            return _Drill((tokens,), hidden)
        states = hidden.requires_grad_()
        return _Drill((states, tokens), None) if part == "head" else _Drill((states,), torch.randn_like(hidden))

    def _update(self, part: Part) -> Callable[[], None]:
        """Return a step of the optimizer on single-precision copies of the weights, and back into the weights."""
        weights = [weight.detach() for weight in self._parts[part].parameters()]
        masters = [torch.nn.Parameter(weight.float().clone()) for weight in weights]
        for master in masters:
            master.grad = torch.randn_like(master)
        optimizer = torch.optim.AdamW(masters, fused=self._on_gpu)

        def update() -> None:
            optimizer.step()
            if self._precision != torch.float32:
                for weight, master in zip(weights, masters, strict=True):
                    weight.copy_(master.detach())

        return update


class _Stored:
    """Adds up what is kept for the backward pass, every block of memory once and the part's own weights not at all."""

    def __init__(self, part: Any) -> None:
        self.bytes = 0
        self._seen = {tensor.untyped_storage().data_ptr() for tensor in (*part.parameters(), *part.buffers())}

    def add(self, tensor: torch.Tensor) -> torch.Tensor:
        """Count a tensor that autograd keeps."""
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in self._seen:
            self._seen.add(storage.data_ptr())
            self.bytes += storage.nbytes()
        return tensor


@contextmanager
def _fitting() -> Iterator[None]:
    """Tell what does not fit from other failures."""
    try:
        yield
    except RuntimeError as failure:
        if any(sign in str(failure) for sign in _FULL):
            raise OutOfMemoryError from None
        raise
