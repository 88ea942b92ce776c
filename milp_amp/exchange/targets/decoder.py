"""A chain of layers as launchers of language models see it: an embedding, decoder layers, a head.

They place decoder layers. What stands before the first of them belongs to the embedding, which is in the first stage;
what stands after the last of them belongs to the head and the loss, which are in the last one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from milp_amp.errors import InputError
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.instance import Instance
from milp_amp.problem.restrictions import LayerPin


@dataclass(frozen=True)
class Decoder:
    """Where the decoder layers are in a chain.

    Attributes
    ----------
    layers
        Their numbers.
    length
        Of the chain.
    """

    layers: tuple[int, ...]
    length: int

    @property
    def start(self) -> int:
        """The first decoder layer."""
        return self.layers[0]

    @property
    def stop(self) -> int:
        """The first layer of the head."""
        return self.layers[-1] + 1

    def counts(self, strategy: Strategy) -> tuple[int, ...]:
        """Return the decoder layers of every stage."""
        return tuple(sum(stage.start <= n < stage.stop for n in self.layers) for stage in strategy.stages)

    def pins(self, at_least: int) -> tuple[LayerPin, ...]:
        """Embedding and head in the first and the last stage, each with so many decoder layers."""
        first = LayerPin(layers=(0, self.start + at_least), stage=0) if self.start + at_least else None
        begin = self.stop - at_least
        last = LayerPin(layers=(begin, self.length), stage=-1) if begin < self.length else None
        return tuple(pin for pin in (first, last) if pin is not None)

    def misplaced(self, strategy: Strategy) -> Iterator[str]:
        """Yield a sentence for a stage that holds the embedding or the head and must not."""
        end = len(strategy.stages) - 1
        for s, stage in enumerate(strategy.stages):
            if s and stage.start < self.start:
                yield f"stages[{s}]: begins with layer {stage.start} of the embedding, expected all of it in the first"
            if s < end and stage.stop > self.stop:
                yield f"stages[{s}]: ends with layer {stage.stop - 1} of the head, expected all of it in the last stage"


def decoder(instance: Instance, launcher: str, *, empty_stages: bool = False) -> Decoder:
    """Return where the decoder layers are.

    Parameters
    ----------
    empty_stages
        Whether the launcher runs stages without a decoder layer; only then another layer may stand between two of
        them, and costs nothing.

    Raises
    ------
    InputError
        If there is none, or if a layer that is none stands between two of them.
    """
    chain = instance.model.chain
    layers = tuple(n for n, layer in enumerate(chain) if layer.kind == "transformer")
    if not layers:
        raise InputError(f"model.layers: none of kind 'transformer', expected decoder layers for {launcher}")
    for n in sorted(set(range(layers[0], layers[-1])) - set(layers)):
        if not (empty_stages and _costs_nothing(instance, n)):
            free = ", or one that costs nothing," if empty_stages else ""
            raise InputError(
                f"model.layers: layer {n} ({chain[n].name!r}, {chain[n].kind}) stands between transformer layers, "
                f"expected one of them{free} for {launcher}"
            )
    return Decoder(layers, len(chain))


def tied(instance: Instance, decoder: Decoder) -> bool:
    """Whether the embedding and the head use the same parameters."""
    chain = instance.model.chain
    before, after = (
        {layer.shared_parameters.name for layer in layers if layer.shared_parameters}
        for layers in (chain[: decoder.start], chain[decoder.stop :])
    )
    return bool(before & after)


def _costs_nothing(instance: Instance, n: int) -> bool:
    """Whether it makes no difference in which of two stages a layer is that follows another one."""
    layer, before = instance.model.chain[n], instance.model.chain[n - 1]
    kept = (layer.activation_MB or 0.0) + (layer.activation_sharded_MB or 0.0)
    same = (layer.output_elements, layer.output_sharded) == (before.output_elements, before.output_sharded)
    held = layer.parameters or layer.shared_parameters or kept or layer.measured
    return same and not held and not _seconds(instance, n)


def _seconds(instance: Instance, n: int) -> float:
    fields = (times for entry in instance.profile for times in (entry.forward_ms, entry.backward_ms, entry.update_ms))
    return sum(times[n] for times in fields if times is not None)
