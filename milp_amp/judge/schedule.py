"""A flow as whole numbers: how often a machine sends to each of the machines after it, and in which order.

A scheduler that sends every request on by these weights sends over no link more than ``MOST_OVER`` times what the flow
does, so what it serves lacks at most that much of the flow. For one sender: where others get shares ``p`` of its flow,
weights ``w`` that add up to ``W`` keep ``w <= (1 + ε) p W``. The least such ``W`` is taken; one not larger than the
number of others over ``ε`` exists, since rounding ``(1 + ε) p W`` down takes less than one from each. Excesses multiply
along a route, so ``ε`` is halved until the most that any link gets is within ``MOST_OVER``.

The turns of a receiver lie apart as evenly as weights allow (smooth weighted round robin): every receiver gains its
weight at every step, and who has most is next and pays ``W``.
"""

from collections import defaultdict
from dataclasses import dataclass
from graphlib import TopologicalSorter
from itertools import count

from milp_amp.errors import PlanError
from milp_amp.judge.flow import SINK, SOURCE, Flow

MOST_OVER = 1.01
"""Times what the flow sends over a link."""

ROUNDING = 1e-9
"""Relative: shares are quotients of flows."""

COORDINATOR = "coordinator"

Weights = dict[str, dict[str, int]]
"""By the sender's name, then by the receiver's; the coordinator sends first and receives last."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """What a scheduler does.

    Attributes
    ----------
    tokens_per_s
        Of the flow.
    weights
        How often, of every sender to every receiver.
    order
        One period of every sender: the receivers, each as often as its weight.
    """

    tokens_per_s: float
    weights: Weights
    order: dict[str, tuple[str, ...]]


def schedule_of(flow: Flow) -> Schedule:
    """Return weights and order for a flow.

    Raises
    ------
    PlanError
        If it carries nothing.
    """
    if not flow.arcs:
        raise PlanError("placement: no way through all layers, expected one that carries tokens")
    sent: dict[str, dict[str, float]] = defaultdict(dict)
    for (sender, receiver), tokens in flow.arcs.items():
        sent[sender][receiver] = tokens
    over = MOST_OVER - 1
    while True:
        weights = {sender: whole_weights(tokens, over) for sender, tokens in sent.items()}
        if _most_over(sent, weights) <= MOST_OVER:
            break
        over /= 2
    named = {_name(sender): {_name(receiver): w for receiver, w in row.items()} for sender, row in weights.items()}
    order = {sender: smooth_order(row) for sender, row in named.items()}
    return Schedule(tokens_per_s=flow.tokens_per_s, weights=named, order=order)


def whole_weights(tokens: dict[str, float], over: float) -> dict[str, int]:
    """Return the smallest weights of which none exceeds its share by more than ``over``; who gets none is left out."""
    total = sum(tokens.values())
    shares = {name: each / total for name, each in tokens.items()}
    for period in count(1):
        most = {name: int((1 + over) * share * period * (1 + ROUNDING)) for name, share in shares.items()}
        if sum(most.values()) >= period:
            break
    # What is too much is taken from those that are furthest above their shares.
    for _ in range(sum(most.values()) - period):
        most[max(most, key=lambda name: most[name] / shares[name] if most[name] else 0.0)] -= 1
    return {name: weight for name, weight in most.items() if weight}


def smooth_order(weights: dict[str, int]) -> tuple[str, ...]:
    """Return one period: every name as often as its weight, as evenly as can be; of equal claims the first."""
    period, claims = sum(weights.values()), dict.fromkeys(weights, 0)
    order = []
    for _ in range(period):
        claims = {name: claim + weights[name] for name, claim in claims.items()}
        chosen = max(claims, key=lambda name: claims[name])
        claims[chosen] -= period
        order.append(chosen)
    return tuple(order)


def sent_by(weights: dict[str, dict[str, int]], tokens_per_s: float) -> dict[tuple[str, str], float]:
    """Return the tokens per second over every link when so many come in at ``SOURCE`` and go on by weights."""
    senders: dict[str, set[str]] = defaultdict(set)
    for sender, row in weights.items():
        for receiver in row:
            senders[receiver].add(sender)
    arrived = defaultdict(float, {SOURCE: tokens_per_s})
    sent = {}
    for sender in TopologicalSorter(senders).static_order():
        row = weights.get(sender, {})
        for receiver, weight in row.items():
            sent[sender, receiver] = arrived[sender] * weight / sum(row.values())
            arrived[receiver] += sent[sender, receiver]
    return sent


def _most_over(sent: dict[str, dict[str, float]], weights: dict[str, dict[str, int]]) -> float:
    by_weights = sent_by(weights, sum(sent[SOURCE].values()))
    return max(tokens / sent[sender][receiver] for (sender, receiver), tokens in by_weights.items())


def _name(end: str) -> str:
    return COORDINATOR if end in (SOURCE, SINK) else end
