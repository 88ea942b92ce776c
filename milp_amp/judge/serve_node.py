"""Machines that run batches layer by layer, and links that carry messages one after another.

Requests are numbers. A machine's layers are cut where requests may enter; between two cuts a batch neither grows nor
shrinks, so that its layers are one event. What arrives while a machine is busy is looked at when it next chooses.
"""

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from milp_amp.cost.serving_rules import COPY_SECONDS_PER_BYTE


@dataclass(slots=True)
class Run:
    """Messages of equal size, one after another: the first arrives at ``first``, one more every ``step`` seconds."""

    first: float
    step: float
    requests: list[int]
    tokens: int
    is_prompt: bool


@dataclass(slots=True, eq=False)
class Link:
    """A way from one end to another, used by one message at a time.

    Attributes
    ----------
    flow
        Tokens per second that it is meant to carry.
    token_seconds, latency
        For which one token occupies it, and seconds from then until it arrives.
    head
        The machine at its end; ``None`` is the coordinator.
    entry
        Which cut of that machine's layers it leads to.
    weighed, load
        Whether it is chosen among others, and by what: tokens given to it over their flow.
    waited
        Seconds for which messages waited for their turn.
    """

    name: str
    flow: float
    token_seconds: float
    latency: float
    head: "Machine | None"
    entry: int = 0
    weighed: bool = True
    load: float = 0.0
    waited: float = 0.0
    free: float = 0.0
    outbox: list[int] = field(default_factory=list)
    queue: deque[Run] = field(default_factory=deque)

    @property
    def layers_ahead(self) -> int:
        """Layers that the machine at its end computes for what comes this way."""
        return 0 if self.head is None else self.head.cuts[-1] - self.head.cuts[self.entry]

    def send(self, now: float, requests: list[int], tokens: int, is_prompt: bool) -> Run:
        """Put messages of so many tokens each on the link."""
        count, step = len(requests), tokens * self.token_seconds
        start = now if now > self.free else self.free
        self.free = start + count * step
        self.waited += count * (start - now) + step * count * (count - 1) / 2
        run = Run(start + step + self.latency, step, requests, tokens, is_prompt)
        if self.head is not None:
            self.queue.append(run)
        return run


@dataclass(frozen=True, kw_only=True)
class Speed:
    """What a batch takes, and how large it may be.

    Attributes
    ----------
    prompt_seconds, decode_seconds
        Of one layer, by tokens and by requests, from none on; they end with the largest batch.
    most_prompts
        In one batch.
    """

    prompt_seconds: Sequence[float]
    decode_seconds: Sequence[float]
    most_prompts: int

    @property
    def most_prompt_tokens(self) -> int:
        """Of all prompts in a batch."""
        return len(self.prompt_seconds) - 1

    @property
    def most_decodes(self) -> int:
        """In one batch."""
        return len(self.decode_seconds) - 1


class Prompt(NamedTuple):
    """A prompt that waits: its tokens, those of them still to be copied, and how many decodes came before it."""

    request: int
    tokens: int
    copied: int
    ahead: int


@dataclass(slots=True)
class Waiting:
    """What waits where requests may enter; ``fresh`` decodes are still to be copied."""

    layers: int
    copy_seconds: float
    prompts: deque[Prompt] = field(default_factory=deque)
    decodes: list[int] = field(default_factory=list)
    fresh: int = 0


class Machine:
    """A machine and what waits there.

    Parameters
    ----------
    held
        Its first layer, and the layer after its last.
    room
        Tokens times layers in its cache.
    cuts
        Layers where requests enter, and at last the layer after the last.
    copy_bytes
        Of one token that arrives at each of these layers.
    """

    def __init__(
        self,
        name: str,
        speed: Speed,
        held: tuple[int, int],
        room: float,
        cuts: Sequence[int],
        copy_bytes: Sequence[float],
    ) -> None:
        self.name, self.speed, self.held, self.room, self.cuts = name, speed, held, room, tuple(cuts)
        self.expected = 0.0
        self.waiting = [
            Waiting(stop - start, size * COPY_SECONDS_PER_BYTE)
            for start, stop, size in zip(cuts[:-1], cuts[1:], copy_bytes, strict=True)
        ]
        self.inbound: list[Link] = []
        self.outbound: list[Link] = []
        self.onward: dict[int, Link] = {}
        # what appends to that link's outbox, bound once: no loop is run more often
        self.put: dict[int, Callable[[int], None]] = {}
        self.waited = 0.0
        self.due = math.inf
        self.busy = False
        self._at = 0
        self._prompts: list[Prompt] = []
        self._decodes: list[int] = []

    def collect(self, now: float) -> None:
        """Let what has arrived wait where it enters: runs in the order in which they began to arrive."""
        found: list[tuple[float, int, Run, Waiting]] = []
        for number, link in enumerate(self.inbound):
            queue = link.queue
            while queue and queue[0].first <= now:
                run = queue[0]
                found.append((run.first, number, run, self.waiting[link.entry]))
                if run.first + (len(run.requests) - 1) * run.step > now:
                    break
                queue.popleft()
        if len(found) > 1:
            found.sort(key=lambda each: each[:2])
        for first, _, run, place in found:
            if run.is_prompt:
                self.waited -= first
                place.prompts.append(Prompt(run.requests[0], run.tokens, run.tokens, len(place.decodes)))
            else:
                self._take_in(place, run, now)

    def _take_in(self, place: Waiting, run: Run, now: float) -> None:
        """Take the messages of a run that have arrived; the others remain in it."""
        requests, count = run.requests, len(run.requests)
        if run.first + (count - 1) * run.step > now:
            count = min(count - 1, 1 + int((now - run.first) / run.step))
            run.requests = requests[count:]
        self.waited -= count * run.first + run.step * count * (count - 1) / 2
        run.first += count * run.step
        place.decodes += requests[:count]
        place.fresh += count

    def begin(self, now: float) -> float:
        """Run what waits at the next layer that has work; return when it is done, ``inf`` without work."""
        count = len(self.waiting)
        for step in range(count):
            at = (self._at + step) % count
            place = self.waiting[at]
            if place.prompts or place.decodes:
                self._at = at
                return now + self._batch(place, now)
        return math.inf

    def _batch(self, place: Waiting, now: float) -> float:
        """Take a batch and return its seconds."""
        speed, tokens, copied = self.speed, 0, 0
        taken = self._prompts = []
        queue = place.prompts
        while queue and len(taken) < speed.most_prompts and tokens + queue[0].tokens <= speed.most_prompt_tokens:
            prompt = queue.popleft()
            tokens, copied = tokens + prompt.tokens, copied + prompt.copied
            taken.append(prompt)
        most = speed.most_decodes
        self._decodes, place.decodes = place.decodes[:most], place.decodes[most:]
        count = len(self._decodes)
        if queue:
            place.prompts = deque(prompt._replace(ahead=max(0, prompt.ahead - count)) for prompt in queue)
        fresh = min(place.fresh, count)
        place.fresh -= fresh
        self.waited += now * (count + len(taken))
        per_layer = speed.prompt_seconds[tokens] + speed.decode_seconds[count]
        return place.layers * per_layer + (copied + fresh) * place.copy_seconds

    def finish(self, now: float) -> tuple[list[Prompt], list[int]]:
        """Hand the batch to its next layer; return the prompts and decodes that leave."""
        prompts, decodes = self._prompts, self._decodes
        self._at += 1
        if self._at == len(self.waiting):
            self._at = 0
            return prompts, decodes
        place = self.waiting[self._at]
        before = len(place.decodes)
        place.prompts.extend(prompt._replace(copied=0, ahead=before + prompt.ahead) for prompt in prompts)
        place.decodes += decodes
        self.waited -= now * (len(prompts) + len(decodes))
        return [], []

    def next_arrival(self) -> float:
        """Return when the next message arrives."""
        return min((link.queue[0].first for link in self.inbound if link.queue), default=math.inf)

    def waited_until(self, now: float) -> float:
        """Return the seconds for which requests have waited, those that still wait included."""
        return self.waited + now * sum(len(place.prompts) + len(place.decodes) for place in self.waiting)
