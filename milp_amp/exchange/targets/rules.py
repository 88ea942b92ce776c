"""Rules that several launchers have: as restrictions of what is searched, and as refusals of a plan.

Both halves are written out: what is searched speaks of ranges and pins, a refusal of what the launcher would read.
"""

from collections.abc import Iterator

from milp_amp.errors import InputError
from milp_amp.exchange.targets.decoder import decoder
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.instance import Instance
from milp_amp.problem.model import TransformerShape
from milp_amp.problem.restrictions import Range, Restrictions


def require_schedule(instance: Instance, launcher: str, *known: str) -> None:
    """Refuse an instance whose schedule a launcher does not have."""
    if (asked := instance.workload.schedule) not in known:
        raise InputError(f"workload.schedule: {asked!r}, expected {' or '.join(map(repr, known))} for {launcher}")


def require_zero(instance: Instance, launcher: str, most: int) -> None:
    """Refuse an instance whose replicas divide more than a launcher divides in a pipeline."""
    if (asked := instance.workload.zero_stage) > most:
        raise InputError(f"workload.zero_stage: {asked}, expected at most {most} for {launcher}'s pipelines")


def whole_batches(instance: Instance) -> Restrictions:
    """Every microbatch is of one size; where the batch is a power of a prime number this is all it takes."""
    divisors = Range(one_of=_divisors(instance.workload.global_batch_size))
    return Restrictions(data_parallel=divisors, microbatch_size=divisors)


def partial_batches(instance: Instance, strategy: Strategy) -> Iterator[str]:
    """Yield a sentence where the last microbatch is a smaller one."""
    together, batch = strategy.data_parallel * strategy.microbatch_size, instance.workload.global_batch_size
    if batch % together:
        yield f"data_parallel × microbatch_size: {together}, expected a divisor of the global batch size {batch}"


def divided_heads(instance: Instance, *, repeats: bool = True) -> Restrictions:
    """Every device of a tensor group has the same number of attention heads, and of heads of keys.

    Parameters
    ----------
    repeats
        Whether several devices may have the same head of keys, where there are fewer heads than devices.
    """
    if (shape := instance.model.shape) is None:
        return Restrictions()
    keys = key_heads(shape)
    shared = {t for t in _divisors(shape.heads) if repeats and t % keys == 0}
    allowed = shared | (set(_divisors(keys)) & set(_divisors(shape.heads)))
    return Restrictions(tensor_parallel=Range(one_of=tuple(sorted(allowed))))


def undivided_heads(instance: Instance, strategy: Strategy, *, repeats: bool = True) -> Iterator[str]:
    """Yield a sentence for every stage whose tensor degree does not divide the heads; parameters as above."""
    if (shape := instance.model.shape) is None:
        return
    keys = key_heads(shape)
    for s, stage in enumerate(strategy.stages):
        t = stage.tensor_parallel
        if shape.heads % t:
            yield f"stages[{s}].tensor_parallel: {t}, expected a divisor of {shape.heads} heads"
        elif keys % t and not (repeats and t % keys == 0):
            multiple = " or a multiple" if repeats else ""
            yield f"stages[{s}].tensor_parallel: {t}, expected a divisor{multiple} of {keys} heads of keys"


def key_heads(shape: TransformerShape) -> int:
    """Return the heads of keys, and of values, by their width; all heads where that is not known."""
    queries = shape.attention_size or shape.hidden_size
    return max(1, (shape.key_value_size or queries) * shape.heads // queries)


def bare_ends(strategy: Strategy, counts: tuple[int, ...]) -> Iterator[str]:
    """Yield a sentence where the first or the last stage holds no decoder layer, given their numbers."""
    for s in sorted({0, len(strategy.stages) - 1}):
        if not counts[s]:
            yield f"stages[{s}]: holds no decoder layer, expected at least one in the first and in the last stage"


def filled_ends(instance: Instance, launcher: str) -> Restrictions:
    """One tensor degree that divides the heads, and a decoder layer at both ends."""
    asked = Restrictions(uniform_tensor_parallel=True, layer_pins=decoder(instance, launcher).pins(at_least=1))
    return merged(asked, divided_heads(instance))


def unfilled_ends(instance: Instance, strategy: Strategy, launcher: str) -> Iterator[str]:
    """Yield a sentence for heads that are not divided, and for ends that are misplaced or without a decoder layer."""
    found = decoder(instance, launcher)
    yield from undivided_heads(instance, strategy)
    yield from found.misplaced(strategy)
    yield from bare_ends(strategy, found.counts(strategy))


def several_degrees(strategy: Strategy, launcher: str) -> Iterator[str]:
    """Yield a sentence where the stages differ in their tensor degree."""
    degrees = sorted({stage.tensor_parallel for stage in strategy.stages})
    if len(degrees) > 1:
        yield f"stages: tensor degrees {', '.join(map(str, degrees))}, expected one for all: {launcher} has no other"


def merged(*restrictions: Restrictions) -> Restrictions:
    """Return the restrictions that keep all of them."""
    result = Restrictions()
    for each in restrictions:
        result = result.merged(each)
    return result


def _divisors(number: int) -> tuple[int, ...]:
    small = [n for n in range(1, int(number**0.5) + 1) if number % n == 0]
    return tuple(sorted({*small, *(number // n for n in small)}))
