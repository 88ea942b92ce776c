"""Leaving out choices: a plan's kinds of stages are a word, and some words are no answers.

Words are read from the last stage to the first, as paths are built. A *state* is what has been read so far: a
beginning of some word that is left out, or ``FREE`` once none of them can be met any more. A path that is complete in
a refused state is one of those left out; every other path is allowed. So a search that keeps paths of different states
apart finds the best path that is allowed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from milp_amp.plan.choice import Choice, StageKind

FREE = 0
"""The state of paths that are none of those left out, however they go on."""


@dataclass(frozen=True, eq=False)
class Words:
    """The words that are left out, over an alphabet of compositions or places.

    Attributes
    ----------
    start
        State of an empty path.
    following
        ``(states, letters)`` integers: the state after a letter.
    refused
        ``(states,)``: whether a path that ends here is left out.
    """

    start: int
    following: npt.NDArray[np.int32]
    refused: npt.NDArray[np.bool_]

    def sources(self, states: Iterable[int], letter: int) -> dict[int, list[int]]:
        """Return the states that a letter leads to from some states, each with those that it comes from."""
        found: dict[int, list[int]] = {}
        for state in states:
            found.setdefault(int(self.following[state, letter]), []).append(state)
        return found


def free(letters: int) -> Words:
    """Return that nothing is left out."""
    return Words(FREE, np.zeros((1, letters), np.int32), np.zeros(1, np.bool_))


def words(without: Iterable[Choice], data_parallel: int, microbatch_size: int, letters: Sequence[StageKind]) -> Words:
    """Return the choices of one data degree and microbatch size that are left out, over the kinds that stages have."""
    root = FREE + 1
    tree: list[dict[StageKind, int]] = [{}, {}]
    refused = {
        _grow(tree, root, choice)
        for choice in without
        if (choice.data_parallel, choice.microbatch_size) == (data_parallel, microbatch_size)
    }
    following = [[branches.get(letter, FREE) for letter in letters] for branches in tree]
    return Words(
        start=root if refused else FREE,
        following=np.array(following, np.int32).reshape(len(tree), len(letters)),
        refused=np.array([state in refused for state in range(len(tree))]),
    )


def _grow(tree: list[dict[StageKind, int]], state: int, choice: Choice) -> int:
    """Add a word to a tree of states; return the state in which it ends."""
    for kind in reversed(choice.stages):
        if kind not in tree[state]:
            tree[state][kind] = len(tree)
            tree.append({})
        state = tree[state][kind]
    return state
