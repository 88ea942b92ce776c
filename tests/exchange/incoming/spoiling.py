"""Random damage to files: the same seed damages them in the same way."""

import json
import random
from typing import Any

NUMBERS: tuple[Any, ...] = (
    1,
    2,
    3.5,
    16,
    0,
    -1,
    1e308,
    -1e308,
    10**30,
    2**63,
    1e-300,
    "7",
    "NaN",
    None,
    True,
    [],
    {},
    "x" * 500,
)
"""What takes a number's place."""

TOKENS = ("0", "-1", "1e999", "nan", "inf", "9" * 20, "NV99", "X", "slots=1000000000", "=", ":", "\x00", "é")
"""What takes a word's place in text."""


def spoiled(content: Any, rng: random.Random) -> bytes:
    """Return a file of text, or of a JSON document, with one to three things wrong."""
    if isinstance(content, str):
        damaged = content.encode()
        for _ in range(rng.randint(1, 2)):
            damaged = rng.choice((_cut, _flipped, _repeated, _reworded, _shuffled))(damaged, rng)
        return damaged
    for _ in range(rng.randint(1, 3)):
        content = _replaced(content, rng)
    damaged = json.dumps(content).encode()
    if rng.random() < 0.3:  # seldom: hardly any such file is JSON still
        damaged = rng.choice((_cut, _flipped, _nested, _reworded))(damaged, rng)
    return damaged


def _cut(text: bytes, rng: random.Random) -> bytes:
    return text[: rng.randrange(len(text) + 1)]


def _flipped(text: bytes, rng: random.Random) -> bytes:
    damaged = bytearray(text)
    for _ in range(rng.randint(1, 4)):
        if damaged:
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
    return bytes(damaged)


def _repeated(text: bytes, rng: random.Random) -> bytes:
    lines = text.split(b"\n")
    return b"\n".join([*lines, *[rng.choice(lines)] * rng.choice((1, 2, 50))])


def _reworded(text: bytes, rng: random.Random) -> bytes:
    words = text.split(b" ")
    words[rng.randrange(len(words))] = rng.choice(TOKENS).encode()
    return b" ".join(words)


def _shuffled(text: bytes, rng: random.Random) -> bytes:
    lines = text.split(b"\n")
    rng.shuffle(lines)
    return b"\n".join(lines)


def _nested(text: bytes, rng: random.Random) -> bytes:
    depth = rng.choice((5, 200, 3000))
    within = text[:-1] + b',"x":' + b"[" * depth + b"]" * rng.choice((0, depth)) + b"}"
    return rng.choice((b"[" * depth + text, b'{"a":' * depth + text + b"}" * depth, within))


def _replaced(content: Any, rng: random.Random) -> Any:
    """Return a document of which one value is another, missing, or there twice; containers on the way are copied."""
    if isinstance(content, dict) and content:
        key = rng.choice(list(content))
        changed = dict(content)
        if rng.random() < 0.15:
            value = changed.pop(key)
            if rng.random() < 0.5:
                changed[rng.choice(("-1", "0", "99999999999", "x", key + "0"))] = value
        else:
            changed[key] = _replaced(content[key], rng)
        return changed
    if isinstance(content, list) and content:
        place = rng.randrange(len(content))
        if rng.random() < 0.15:
            return content[:place] + content[place + 1 :] * rng.randint(0, 2)
        return [*content[:place], _replaced(content[place], rng), *content[place + 1 :]]
    return rng.choice(NUMBERS)
