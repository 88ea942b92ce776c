"""Plans by gradient descent: soft boundaries, soft places, a smooth step time. Quick, and no proof of anything.

A *lane* relaxes the plans of one configuration with ``p`` stages. Its variables are the widths of the stages, which
place the boundaries ``0 = β[0] < β[1] < … < β[p] = L``, and a score of every place for every stage. With

    A[s, l] = σ((β[s + 1] − l − ½) / T) − σ((β[s] − l − ½) / T)              the layers of stage s
    π[s, k] = softmax((scores[s, k] + noise) / temperature)                  its place

every term of the step time is a sum of products of A, π and the tables of ``space.soft``; maxima are ``logsumexp``.
Device counts, memory, limits and places that cannot follow each other are penalties. ``T``, the temperature, the noise
and the smoothing of the maxima fall with the steps, the penalties rise. A step takes time linear in the layers.

All lanes descend at once, in one loop whose shapes are padded, so that it is compiled once for all configurations.
Noise is Gumbel's (Jang, Gu and Poole, "Categorical reparameterization with Gumbel-softmax", ICLR 2017), steps are
Adam's (Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015). Needs JAX.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from milp_amp.cost.network import FloatArray
from milp_amp.space.soft import Soft

RATE, FIRST_MOMENT, SECOND_MOMENT, TINY = 0.15, 0.9, 0.97, 1e-8
"""Adam's rate and moments."""

SHARPNESS, TEMPERATURE, SMOOTHNESS = (0.06, 0.012), (1.0, 0.25), (0.2, 0.02)
"""At first and at last: ``T`` over the layers, that of places, and that of maxima over the largest term."""

NOISE, PENALTY = (0.5, 0.0), (0.5, 3.0)
"""At first and at last: of Gumbel's noise, and what a penalty of 1 is worth, over the step time."""

NEVER = -1e9
"""Score of a place where a stage may not sit."""

MANY_STAGES = 4
"""Stages from which on the first one pays its activation twice, where stages move their own data."""


class Variables(NamedTuple):
    """Widths of stages ``(lanes, S)`` and scores of places ``(lanes, S, K)``."""

    widths: jax.Array
    scores: jax.Array


def _between(ends: tuple[float, float], share: jax.Array) -> jax.Array:
    first, last = ends
    return first * (last / first) ** share if last > 0 else first * (1 - share)


def _largest(values: jax.Array, real: jax.Array, smoothness: jax.Array) -> jax.Array:
    """Return a smooth maximum: from above, and exact where the smoothness is 0."""
    scale = smoothness * jax.lax.stop_gradient(jnp.max(jnp.where(real, values, 0.0))) + 1e-30
    return scale * jax.nn.logsumexp(jnp.where(real, values / scale, -jnp.inf))


def _layers(widths: jax.Array, stages: jax.Array, layers: int, share: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return ``A`` ``(S, L)``, and how much of every layer lies before the end of every stage ``(S, L)``."""
    stage = jnp.arange(len(widths))
    inner = jnp.cumsum(jax.nn.softmax(jnp.where(stage < stages, widths, -jnp.inf))) * layers
    sharpness = _between(SHARPNESS, share) * layers
    before = jax.nn.sigmoid((inner[:, None] - jnp.arange(layers) - 0.5) / sharpness)
    before = jnp.where((stage < stages - 1)[:, None], before, 1.0)
    return jnp.diff(before, axis=0, prepend=jnp.zeros((1, layers))), before


def _places(scores: jax.Array, lane: Soft, share: jax.Array, noise: jax.Array) -> jax.Array:
    """Return ``π`` ``(S, K)``; 0 in stages that the lane does not have."""
    stage = jnp.arange(len(scores))[:, None]
    logits = (scores + _between(NOISE, share) * noise) / _between(TEMPERATURE, share)
    barred = ~lane.there | ((stage == 0) & ~lane.first) | ((stage == lane.stages - 1) & ~lane.last)
    return jnp.where(stage < lane.stages, jax.nn.softmax(jnp.where(barred, NEVER, logits)), 0.0)


def loss(v: Variables, lane: Soft, share: jax.Array, noise: jax.Array) -> jax.Array:
    """Return the logarithm of what one lane's soft plan is worth, and its penalties.

    Parameters
    ----------
    share
        Of the steps that are done: how cool everything is.
    noise
        Gumbel's ``(S, K)``.
    """
    stage = jnp.arange(len(v.widths))
    real, joint = stage < lane.stages, stage < lane.stages - 1
    A, before = _layers(v.widths, lane.stages, lane.seconds.shape[-1], share)
    pi = _places(v.scores, lane, share, noise)
    following = jnp.concatenate([pi[1:], jnp.zeros_like(pi[:1])])

    def of_stages(table: jax.Array, once: jax.Array | float = 0.0) -> jax.Array:
        return jnp.sum(pi * (A @ table.T + once), axis=1)

    moved = jnp.einsum("sl,zkl->zsk", before, lane.volume) * pi
    sent, returned = (
        jnp.where(joint, jnp.sum((moved @ table).sum(axis=0) * following, axis=1), 0.0)
        for table in (lane.forward, lane.backward)
    )
    smoothness = _between(SMOOTHNESS, share)
    tau = of_stages(lane.seconds, jnp.where(lane.stages > 1, lane.once, 0.0))
    link = sent + returned + jnp.sum((pi @ lane.latency) * following, axis=1)
    twice = (stage == 0) & (lane.stages >= MANY_STAGES), stage == lane.stages - 1
    own = sent * (1 + twice[0]) + jnp.roll(returned, 1) * (1 + twice[1])
    busy = jnp.where(lane.stations, tau, tau + own)
    beside = jnp.where(lane.stations, link, 0.0)
    stations = jnp.concatenate([busy, lane.link_share * beside])
    W = _largest(stations, jnp.concatenate([real, joint]), smoothness)
    S = _largest(of_stages(lane.ring, lane.ring_once), real, smoothness)
    step_time = busy.sum() + beside.sum() + lane.weight * W + S
    price = step_time * jnp.sum(pi @ lane.rent)
    full = of_stages(lane.held) + (lane.stages - stage) * of_stages(lane.stored)
    penalty = (
        jax.nn.relu(pi.sum(axis=0) @ lane.usage - 1.0).sum()
        + jax.nn.relu(full - 1.0).sum()
        + jnp.sum((pi @ lane.apart) * following)
        + jax.nn.relu(jnp.log(step_time / lane.latest))
        + jax.nn.relu(jnp.log((price + 1e-30) / lane.budget))
    )
    return jnp.log(jnp.where(lane.by_price, price, step_time) + 1e-30) + _between(PENALTY, share) * penalty


@partial(jax.jit, donate_argnums=0)
def descend(start: Variables, lanes: Soft, steps: int, noise: jax.Array) -> Variables:
    """Take steps in all lanes at once.

    Parameters
    ----------
    noise
        ``(N, lanes, S, K)``: Gumbel's, used in turn.
    """
    slope = jax.vmap(jax.grad(loss), in_axes=(0, 0, None, 0))

    def step(n: jax.Array, state: tuple[Variables, Variables, Variables]) -> tuple[Variables, Variables, Variables]:
        v, first, second = state
        g = slope(v, lanes, n / jnp.maximum(steps - 1, 1), noise[n % len(noise)])
        first = jax.tree.map(lambda m, x: FIRST_MOMENT * m + (1 - FIRST_MOMENT) * x, first, g)
        second = jax.tree.map(lambda s, x: SECOND_MOMENT * s + (1 - SECOND_MOMENT) * x * x, second, g)
        one, two = 1 - FIRST_MOMENT ** (n + 1.0), 1 - SECOND_MOMENT ** (n + 1.0)
        v = jax.tree.map(lambda x, m, s: x - RATE * (m / one) / (jnp.sqrt(s / two) + TINY), v, first, second)
        return v, first, second

    zero = jax.tree.map(jnp.zeros_like, start)
    descended: Variables = jax.lax.fori_loop(0, steps, step, (start, zero, zero))[0]
    return descended


def descended(widths: FloatArray, scores: FloatArray, lanes: Soft, steps: int, noise: FloatArray) -> FloatArray:
    """Return the scores ``(lanes, S, K)`` after some steps, from arrays to arrays."""
    start = Variables(*(jnp.asarray(each, jnp.float32) for each in (widths, scores)))
    return np.asarray(descend(start, lanes, steps, jnp.asarray(noise, jnp.float32)).scores, np.float64)
