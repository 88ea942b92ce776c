"""What stages use, packed: whether a stage fits into what is left, or uses no more than another, is one subtraction."""

from typing import Any, NamedTuple

import numpy as np

from milp_amp.space.chain import Chain
from milp_amp.space.compiled import inlined

MOST_WORDS = 8
"""64-bit words that the usage of a plan may take."""


class Usage(NamedTuple):
    """Usage vectors packed into 64-bit words: every resource has a field with one guard bit above it.

    Attributes
    ----------
    words
        ``(K, words)``: what a place uses.
    capacity
        ``(words,)``: the capacity, with the guard bits set.
    guard
        ``(words,)``: the guard bits.
    """

    words: Any
    capacity: Any
    guard: Any


def pack(chain: Chain) -> Usage:
    """Return the usage of a chain's places, packed.

    Raises
    ------
    ValueError
        If it needs more than ``MOST_WORDS`` words.
    """
    asked = len(chain.capacity) - chain.implied
    usage, limits = chain.usage[:, :asked], chain.capacity[:asked]
    largest = usage.max(axis=0, initial=0)
    # A label within the capacity and one more stage must not reach the guard bit.
    bits = [max(1, int(c + u).bit_length()) + 1 for c, u in zip(limits, largest, strict=True)]
    fields = _fields(bits)
    num_words = max((word for word, _ in fields), default=0) + 1
    if num_words > MOST_WORDS:
        raise ValueError(f"{len(bits)} resources need {num_words} words, expected at most {MOST_WORDS}")
    words = np.zeros((chain.num_places, num_words), np.uint64)
    capacity, guard = np.zeros(num_words, np.uint64), np.zeros(num_words, np.uint64)
    for r, ((word, shift), width) in enumerate(zip(fields, bits, strict=True)):
        words[:, word] |= usage[:, r].astype(np.uint64) << np.uint64(shift)
        guard[word] |= np.uint64(1 << (shift + width - 1))
        capacity[word] |= np.uint64(int(limits[r]) << shift)
    return Usage(words, capacity | guard, guard)


def _fields(bits: list[int]) -> list[tuple[int, int]]:
    """Return word and lowest bit of every field, filling one word after the other."""
    fields, word, shift = [], 0, 0
    for width in bits:
        if shift + width > 64:
            word, shift = word + 1, 0
        fields.append((word, shift))
        shift += width
    return fields


@inlined
def covers(larger: Any, smaller: Any, guard: Any) -> bool:
    """Whether one packed usage is at least another in every field; guard bits may be set in either."""
    for word in range(len(guard)):
        if ((larger[word] | guard[word]) - (smaller[word] & ~guard[word])) & guard[word] != guard[word]:
            return False
    return True


@inlined
def same(one: Any, other: Any, num_words: int) -> bool:
    """Whether two packed usages are equal."""
    equal = True
    for word in range(num_words):
        equal = equal and one[word] == other[word]
    return equal
