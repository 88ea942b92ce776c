"""Predicting how many tokens per second a placement serves, from what delays one token on its way.

A placement keeps at most ``R`` requests in flight, because caches are finite. If ``λ`` requests per second enter, each
stays for ``residence(λ)`` seconds: one pass of its prompt, then one pass per output token. So

    served = output tokens · λ,   λ the largest rate with λ · residence(λ) <= R.

A request visits machines with probability (*share*) ``p``. At a machine that holds ``k`` layers, with ``r = λ p``:

* A *prompt* takes ``q`` seconds. Tokens behind it cannot overtake it. A token that is free catches a prompt up with
  probability ``1 − exp(−r q)``; it waits what is left of it, longer prompts being met more often (``1 + spread``). Once
  behind a prompt it *follows* it, and waits for all of it, at every machine to which both go.
* *Decodes* run in passes of all that wait. If ``a = r · output tokens`` arrive per second, a pass of ``d`` seconds
  takes ``n = x + exp(−x)`` of them, ``x = a d / (1 − r q)``: the arrivals during the last pass, and at least one. A
  token waits half a pass of a busy machine, unless it comes from a single machine whose passes are as long
  (*coherence*).
* A token that boards the same pass as a prompt rides with it: ``r d`` of them do.
* A *link* is a machine without passes: a prompt holds it for its whole transfer.
* Prompts wait for prompts as in a queue M/G/1.

Means only, and machines as if independent but for who follows whom. It is a prediction and proves nothing.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from milp_amp.space.serving_speeds import Demand

FULLEST = 0.98
"""Share of time that prompts may take of a machine or link: above it, no rate is served."""

STEPS = 8
"""Of the iteration for the size of a pass; it gains a digit in each."""

CLOSE = 1e-4
"""Relative change at which an iteration ends."""

NOTHING = 1e-9
"""Share of time that is none: below it, the difference of an exponential from one is rounding."""

COORDINATOR = -1
"""Number of the vertex from which requests come."""


class Hop(NamedTuple):
    """Links from every machine of a vertex to every machine of another.

    Attributes
    ----------
    tail
        Number of the vertex it comes from.
    part
        Of what arrives at a machine at the head, how much comes this way.
    onward
        Of what leaves a machine at the tail, how much goes to one machine at the head.
    share
        Of all requests, on one link.
    token_seconds, latency
        For which a token occupies the link, and seconds until it has arrived.
    """

    tail: int
    part: float
    onward: float
    share: float
    token_seconds: float
    latency: float


class Visit(NamedTuple):
    """Equal machines that hold the same layers.

    Attributes
    ----------
    machines, share
        How many, and the share of requests of each.
    layers
        That a request is computed through.
    prompt_seconds, prompt_spread
        Of a prompt: mean, and variance over the mean's square.
    decode_seconds
        Of one layer, by the number of requests in a pass, up to as many as it may take.
    coherence
        Probability that two tokens of a machine come from the same one.
    hops
        The ways to it.
    """

    machines: int
    share: float
    layers: float
    prompt_seconds: float
    prompt_spread: float
    decode_seconds: Sequence[float]
    coherence: float
    hops: tuple[Hop, ...]


class Service(NamedTuple):
    """A placement as one request sees it.

    Attributes
    ----------
    visits
        In an order in which every hop comes from an earlier one.
    in_flight
        ``R``.
    last_latency
        Seconds back to the coordinator.
    demand
        What requests ask.
    """

    visits: tuple[Visit, ...]
    in_flight: float
    last_latency: float
    demand: Demand


class Residence(NamedTuple):
    """Seconds of the pass of a prompt, and of an output token."""

    prompt_s: float
    token_s: float


class Prediction(NamedTuple):
    """Output tokens per second, and the seconds of one."""

    tokens_per_s: float
    token_s: float


def predict(service: Service, guess: float = 1.0) -> Prediction:
    """Return what is served; ``guess``, in requests per second, is where the search for the rate begins."""
    outputs, rate, token_s = service.demand.output_tokens, 0.0, 0.0
    low, under, high, over = 0.0, -service.in_flight, math.inf, math.inf
    trial = guess
    while high - low > CLOSE * low:
        found = residence(service, trial)
        excess = math.inf
        if found is not None:
            excess = trial * (found.prompt_s + outputs * found.token_s) - service.in_flight
        if found is not None and excess <= 0:
            low, under, rate, token_s = trial, excess, trial, found.token_s
        else:
            high, over = trial, excess
        trial = _between(low, under, high, over)
        if high < CLOSE * guess:
            break
    return Prediction(outputs * rate, token_s)


def serves(service: Service, tokens_per_s: float) -> bool:
    """Whether at least so many output tokens per second are predicted: one evaluation, not several."""
    rate = tokens_per_s / service.demand.output_tokens
    return residence(service, rate, service.in_flight / rate) is not None


def _between(low: float, under: float, high: float, over: float) -> float:
    """Return where to look next: at a zero of the secant, away from both ends."""
    if high == math.inf:
        return 1.5 * low
    part = 0.5 if over == math.inf else min(0.95, max(0.05, under / (under - over)))
    return low + part * (high - low)


def residence(service: Service, rate: float, most: float = math.inf) -> Residence | None:
    """Return the seconds of passes if so many requests per second enter.

    ``None`` if they cannot be served, or a request stays for more than ``most`` seconds.
    """
    demand, prompt_s, token_s = service.demand, service.last_latency, service.last_latency
    seen: list[_Left] = []
    for visit in service.visits:
        weight, come = visit.machines * visit.share, _come(visit, rate, demand, seen)
        stay = None if come is None else _stay(visit, rate, demand, come)
        if come is None or stay is None:
            return None
        prompt_s += weight * (come.prompt_s + stay.prompt_s)
        token_s += weight * (come.token_s + stay.token_s)
        if prompt_s + demand.output_tokens * token_s > most:
            return None
        seen.append(stay.left)
    return Residence(prompt_s, token_s)


class _Left(NamedTuple):
    """How tokens leave a machine: the part that follows a prompt, and the longest pass they have made."""

    following: float
    decode: float


_FREE = _Left(0.0, 0.0)
"""What comes from the coordinator."""


class _Come(NamedTuple):
    """How tokens come to a machine, and the seconds on the way."""

    prompt_s: float
    token_s: float
    following: float
    decode: float


class _Stay(NamedTuple):
    """The seconds at a machine."""

    prompt_s: float
    token_s: float
    left: _Left


def _come(visit: Visit, rate: float, demand: Demand, seen: Sequence[_Left]) -> _Come | None:
    """Return what happens on the links to a machine."""
    prompt_s = token_s = following = decode = 0.0
    spread = 1 + visit.prompt_spread
    for tail, part, onward, share, token_seconds, latency in visit.hops:
        before = seen[tail] if tail != COORDINATOR else _FREE
        follows = before.following * onward
        transfer = demand.prompt_tokens * token_seconds
        busy = rate * share * transfer
        if busy >= FULLEST:
            return None
        caught = 1 - math.exp(-busy)
        met = transfer * (1 - caught / busy) if busy > NOTHING else 0.0
        queue = busy * transfer * spread / (2 * (1 - busy))
        behind = spread * (follows * transfer + (1 - follows) * met) + busy * queue
        token_s += part * (latency + token_seconds + behind)
        prompt_s += part * (latency + transfer + queue)
        following += part * (follows + (1 - follows) * caught)
        decode += part * before.decode
    return _Come(prompt_s, token_s, following, decode)


def _stay(visit: Visit, rate: float, demand: Demand, come: _Come) -> _Stay | None:
    """Return what happens at a machine."""
    prompt, spread = visit.prompt_seconds, 1 + visit.prompt_spread
    requests = rate * visit.share
    busy, arriving = requests * prompt, requests * demand.output_tokens
    taken = pass_of(visit, arriving / (1 - busy)) if busy < FULLEST else None
    if taken is None:
        return None
    size, decode = taken
    running = min(1.0, arriving / size * decode)
    wait = 0.5 * running * max(0.0, decode - visit.coherence * come.decode)
    caught = 1 - math.exp(-busy)
    met = prompt * (1 - caught / busy) * spread if busy > NOTHING else 0.0
    riding = requests * decode * running
    queue = busy * prompt * spread / (2 * (1 - busy))
    behind = come.following * prompt * spread + (1 - come.following) * (met + riding * prompt) + busy * queue
    following = come.following + (1 - come.following) * (1 - math.exp(-busy - riding))
    return _Stay(decode + wait + prompt + queue, decode + wait + behind, _Left(following, max(come.decode, decode)))


def pass_of(visit: Visit, arriving: float) -> tuple[float, float] | None:
    """Return how many tokens a pass takes, and its seconds; ``None`` if it can take no more."""
    seconds, layers = visit.decode_seconds, visit.layers
    most, decode = len(seconds) - 1, layers * seconds[1]
    size = 1.0
    for _ in range(STEPS):
        waiting = arriving * decode
        size = waiting + math.exp(-waiting)
        if size >= most:
            return None
        whole = int(size)
        then = layers * (seconds[whole] + (seconds[whole + 1] - seconds[whole]) * (size - whole))
        if abs(then - decode) < CLOSE * decode:
            return size, then
        decode = then
    return size, decode
