"""Tokens per second that no placement over several sites carries, because of what slow links carry between machines.

Divide the machines into two sides ``a`` and ``b``, whose machines send each other at most ``C`` tokens per second, pair
by pair. Let a placement carry ``F``, more than either side could alone. Give a machine of type ``t`` the price
``μ[t]``, so that whatever carries ``F`` costs at least 1 if a machine that holds ``k`` layers costs ``c = μ/k`` in each
of them. Then the *excess* of a layer, what its machines cost above 1, is nowhere negative, and

    Σ of all excess = Σ of all prices paid − L <= Σ_t N[t] μ[t] − L.                                             (1)

So ``F`` is impossible if every placement has more excess than that. Write ``g(z)`` for the least cost of machines that
carry ``z``, ``0`` for ``z <= 0``: where machines with costs ``c_i`` are known to carry ``f_i`` at most, the excess is
at least ``[Σ c_i + g(F − Σ f_i) − 1]⁺``, and another machine never makes this less, since ``g(z) <= c + g(z − f)``.

Call a layer *pure* if one side carries the whole flow there. Not all layers are pure of one side. Four cases are left:

1. No layer is pure. Then every layer is held by machines of both sides: ``prices`` of such covers must exceed ``L``.
2. Some layers are pure of ``a``, none of ``b``. Covers without machines of ``a`` do not count, and somewhere a layer
   that is pure of ``a`` has a neighbour that is not. Let it be the next one (the other case mirrors it). Then ``n``
   machines of ``a`` end between the two and feed machines of ``b``. What these carry comes over links, for ``b``
   carries nothing before: each of them at most ``min(T, n C)``, as long as it holds layers, if tokens only enter at its
   beginning. So the excess after is at least ``limited(n)``, that of one such machine, beside machines of ``a`` alone
   in the first layer, or of two of them. The ``n`` machines of ``a`` all hold the layers before: ``together(n)``, the
   excess of machines that end (or, mirrored, begin) together; three of them stand for more. Before and after are
   different layers, the sum is least for some ``n``.
3. The same with the sides exchanged.
4. Some layers are pure of ``a``, some of ``b``. Take two, one of each, between which no layer is pure. Where the first
   side is left, case 2 holds with some ``n[a]`` and ``n[b]`` machines, one limited by the other; where the second is
   reached, its mirror image does: a machine ``i`` of ``a`` carries at most ``min(T, n[b] C)`` and ends there, a machine
   ``j`` of ``b`` at most ``min(T, n[a] C)`` and begins further ahead, or at the same place. Both may hold the same
   layers, ``o`` of them:

       (k_i − o) e_i + (k_j − o) e_j + o e_ij,      0 <= o <= min(k_i, k_j)

   with the excess ``e`` of a layer that holds the one, the other, both. This is linear in ``o``: least at an end.
   The excess is at least this, and that of either place alone; so it is at least the largest of the three.

With partial inference tokens may enter a machine further on, and one that is fed may have begun before. Machines that
send still end there, so windows before hold; of the windows after, only the first layer does.

Each site in turn is a side, with the others together as the other.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from milp_amp.bounds.bisection import MARGIN, largest
from milp_amp.bounds.covers import UNITS, BoolArray, IntArray, Ways, cheapest, prices
from milp_amp.cost.network import FloatArray
from milp_amp.space.fleet import Fleet
from milp_amp.space.sites import Sites, part_of

PRECISION = 1e-4
"""Relative width at which the bisection ends."""

TRIPLES = 100
"""Ways above which three machines together are taken for two: all triples would be too many."""


def borders(fleet: Fleet, sites: Sites, most: float, alone: Callable[[Fleet], float], partial_inference: bool) -> float:
    """Return a flow that no placement exceeds, ``most`` if links show no less; ``alone`` bounds what a part carries."""
    bound = most
    for site in sites.groups if len(sites.groups) > 1 else ():
        rest = tuple(name for name in fleet.count if name not in site)
        link = max(sites.most(site, rest), sites.most(rest, site))
        parts = [part_of(fleet, names) for names in (site, rest)]
        least = max((alone(part) for part in parts if part.fits), default=0.0)
        question = _Question(fleet, site, link, least, partial_inference)
        bound = largest(question.allows, bound, PRECISION)
    return bound


@dataclass(frozen=True)
class _Question:
    """Two sides, the first of them ``site``, the ``link`` between them, and what either carries alone at most."""

    fleet: Fleet
    site: tuple[str, ...]
    link: float
    alone: float
    partial_inference: bool

    def allows(self, flow: float) -> bool:
        """Return whether one side carries the flow, or one of the four cases may."""
        if flow <= self.alone:
            return True
        ways = Ways.of(self.fleet, flow)
        here = np.array([list(self.fleet.count)[t] in self.site for t in ways.type_of])

        def affordable(required: list[BoolArray], excess: Callable[[_Side, _Side], float]) -> bool:
            paid, price = prices(ways, required)
            costs = ways.costs(price)
            a, b = (_Side(ways, costs, mask, self.link, self.partial_inference) for mask in (here, ~here))
            return paid >= (self.fleet.layers + excess(a, b)) * (1 - MARGIN)

        return (
            affordable([], both_pure)
            or affordable([here, ~here], lambda a, b: 0.0)
            or affordable([here], lambda a, b: a.least_left)
            or affordable([~here], lambda a, b: b.least_left)
        )


@dataclass(frozen=True, eq=False)
class _Side:
    """A side where layers are pure, at some prices; ``here`` tells its ways from those of the other side.

    Excesses come in pairs: the first counts all layers that machines hold, the second only the one next to the border.
    """

    ways: Ways
    costs: FloatArray
    here: BoolArray
    link: float
    partial_inference: bool

    @cached_property
    def least(self) -> FloatArray:
        """``g`` by units."""
        return cheapest(self.costs, self.ways.units(self.ways.tokens_per_s))[0]

    @cached_property
    def limits(self) -> list[IntArray]:
        """Units that ways of the other side carry, fed by one machine of this side, by two, until links limit none.

        From eight machines on, one entry stands for several numbers of them, with the limits of the largest.
        """
        tokens = self.ways.tokens_per_s[~self.here]
        enough = min(self.ways.flow, float(tokens.max()))
        machines = int(self.ways.count[np.unique(self.ways.type_of[self.here])].sum())
        needed = min(machines, int(np.ceil(enough / self.link)) if self.link > 0 else machines)
        numbers = [1]
        while numbers[-1] < needed:
            numbers.append(min(needed, max(numbers[-1] + 1, numbers[-1] * 5 // 4)))
        return [self.ways.units(np.minimum(tokens, n * self.link)) for n in numbers]

    @cached_property
    def left(self) -> list[tuple[float, float]]:
        """Excess where the flow leaves this side, and where it comes back: by the machines of this side there."""
        units = self.ways.units(self.ways.tokens_per_s)[self.here]
        full, next_to = self.together(self.costs[self.here], units, self.ways.layers[self.here])
        found = []
        for n, limits in enumerate(self.limits):
            fed_full, fed_next_to = self.limited(limits)
            of_machines = min(n, len(full) - 1)
            leaving = full[of_machines] + (fed_next_to if self.partial_inference else fed_full)
            coming = (next_to if self.partial_inference else full)[of_machines] + fed_full
            found.append((leaving, coming))
        return found

    @property
    def least_left(self) -> float:
        """Least excess where the flow leaves this side or comes back."""
        return min(min(each) for each in self.left)

    def together(self, costs: FloatArray, units: IntArray, layers: IntArray) -> tuple[list[float], list[float]]:
        """Return the least excess of one machine, of two and three that begin or end together."""
        order = np.argsort(-layers, kind="stable")
        c, f, k = costs[order], units[order], layers[order]
        one = self.excess(c, f)
        i, j = np.ogrid[: len(k), : len(k)]
        two = self.excess(c[i] + c[j], f[i] + f[j])
        windows = [k * one, np.where(i <= j, k[j] * two + (k[i] - k[j]) * one[i], np.inf)]
        layer = [one, two]
        if len(k) <= TRIPLES:
            i, j, h = np.ogrid[: len(k), : len(k), : len(k)]
            three = self.excess(c[i] + c[j] + c[h], f[i] + f[j] + f[h])
            held = k[h] * three + (k[j] - k[h]) * two[i, j] + (k[i] - k[j]) * one[i]
            windows.append(np.where((i <= j) & (j <= h), held, np.inf))
            layer.append(three)
        return [float(each.min()) for each in windows], [float(each.min()) for each in layer]

    def limited(self, limits: IntArray) -> tuple[float, float]:
        """Return the least excess of one machine of the other side, or two, that carry no more than ``limits``."""
        c, k, pure = self.costs[~self.here], self.ways.layers[~self.here], self.costs[self.here]
        beside, _ = cheapest(pure, self.ways.units(self.ways.tokens_per_s)[self.here])
        first = np.maximum(c + beside[UNITS - limits] - 1, 0)
        windows, layer = self.together(c, limits, k)
        return (
            min(float((first + (k - 1) * self.excess(c, limits)).min()), windows[1]),
            min(float(first.min()), layer[1]),
        )

    def excess(self, costs: FloatArray, units: IntArray) -> FloatArray:
        """Return the excess of a layer with machines of such costs, which carry so much at most."""
        return np.maximum(costs + self.least[np.maximum(UNITS - units, 0)] - 1, 0)


def both_pure(a: _Side, b: _Side) -> float:
    """Return the least excess between a layer that is pure of one side and one that is pure of the other."""
    layers_a, layers_b = a.ways.layers[a.here], a.ways.layers[b.here]
    least = np.inf
    for (a_left, a_reached), limits_b in zip(a.left, a.limits, strict=True):
        for (b_left, b_reached), limits_a in zip(b.left, b.limits, strict=True):
            if a.partial_inference:
                one = np.ones_like
                towards_b = max(a_left, b_reached, _overlapping(a, limits_a, limits_b, layers_a, one(layers_b)))
                towards_a = max(b_left, a_reached, _overlapping(a, limits_a, limits_b, one(layers_a), layers_b))
                least = min(least, towards_b, towards_a)
            else:
                least = min(least, max(a_left, b_left, _overlapping(a, limits_a, limits_b, layers_a, layers_b)))
    return float(least)


def _overlapping(a: _Side, limits_a: IntArray, limits_b: IntArray, layers_a: IntArray, layers_b: IntArray) -> float:
    """Return the least excess of a machine of each side, each limited by the other side, over so many layers."""
    c_i, c_j = a.costs[a.here], a.costs[~a.here]
    e_i, e_j = a.excess(c_i, limits_a)[:, None], a.excess(c_j, limits_b)[None]
    e_ij = a.excess(c_i[:, None] + c_j, limits_a[:, None] + limits_b)
    k_i, k_j = layers_a[:, None], layers_b[None]
    o = np.minimum(k_i, k_j)
    return float(np.minimum(k_i * e_i + k_j * e_j, (k_i - o) * e_i + (k_j - o) * e_j + o * e_ij).min())
