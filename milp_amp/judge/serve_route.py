"""Machines and links of a placement, and the way that every request takes through them.

A link's share of a network card is its share of the flow there. A request goes, at every machine, where the fewest
tokens were sent for the flow: the flow is reached as a mean over requests.
"""

from collections import defaultdict

import numpy as np

from milp_amp.cost.network import Network
from milp_amp.cost.serving_rules import (
    EXPECTED_ANSWER,
    FULLEST_LAYER,
    FULLEST_MACHINE,
    LEAST_SHARE,
    MOST_DECODES,
    tables_of,
)
from milp_amp.errors import PlanError
from milp_amp.judge.flow import SINK, SOURCE, Flow
from milp_amp.judge.serve_node import Link, Machine, Speed
from milp_amp.plan.placement import Placement
from milp_amp.problem.cluster import Node
from milp_amp.problem.serving import Performance, ServingInstance
from milp_amp.units import GBps

MOST_PROMPT_TOKENS = 6144
"""Of all prompts in a batch, or fewer where the table of prompt times ends sooner."""

MOST_PROMPTS = 3
"""In a batch. Helix's limit for an A100, and its 6144 tokens, are taken for every type: one to three prompts, or any
number of them, on the others move the throughput of its 24 machines by less than two runs of different order differ.
"""


def speed_of(name: str, performance: Performance) -> Speed:
    """Return what batches take on the machines of a group."""
    prompt_ms, decode_ms = tables_of(name, performance)
    prompt = _seconds(prompt_ms, MOST_PROMPT_TOKENS)
    decode = _seconds(decode_ms, MOST_DECODES)
    decode[1:2] *= 2  # a lone token is as slow as two
    return Speed(prompt_seconds=prompt.tolist(), decode_seconds=decode.tolist(), most_prompts=MOST_PROMPTS)


def _seconds(points: tuple[tuple[float, float], ...], most: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the seconds of every size from none to the largest."""
    sizes, milliseconds = np.array(points).T
    seconds = np.interp(np.arange(min(most, int(sizes[-1])) + 1), sizes, milliseconds) * 1e-3
    seconds[0] = 0.0
    return np.asarray(seconds)


class Layout:
    """The machines that a flow passes, linked.

    Attributes
    ----------
    machines
        By name, with their links.
    sources
        Links from the coordinator.
    """

    def __init__(self, instance: ServingInstance, placement: Placement, flow: Flow, network: Network) -> None:
        self._instance, self._placement, self._flow, self._network = instance, placement, flow, network
        self._nodes = {node.name: node for node in instance.machines}
        ends = {end for ends in flow.arcs for end in ends} - {SOURCE, SINK}
        if strange := sorted(ends - set(placement.layers)):
            raise PlanError(f"flow: {strange[0]!r} holds no layers, expected machines of the placement")
        if not flow.arcs:
            raise PlanError("layers: no way through all layers, expected a placement that carries tokens")
        speeds = {name: speed_of(name, performance) for name, performance in instance.performance.items()}
        self.machines = {
            name: self._machine(node, speeds[node.group.name]) for name, node in self._nodes.items() if name in ends
        }
        self.sources: list[Link] = []
        self._link_all()

    def _machine(self, node: Node, speed: Speed) -> Machine:
        start, stop = self._placement.layers[node.name]
        cuts = sorted({self._entry(tail) for tail, head in self._flow.arcs if head == node.name})
        model, room = self._instance.model, self._instance.performance_of(node).kv_token_layers[stop - start - 1]
        sizes = [model.token_bytes + (model.activation_bytes if cut else 0.0) for cut in cuts]
        return Machine(node.name, speed, (start, stop), room, [*cuts, stop], sizes)

    def _entry(self, tail: str) -> int:
        """Return the layer at which what comes from there enters."""
        return 0 if tail == SOURCE else self._placement.layers[tail][1]

    def _link_all(self) -> None:
        out: dict[str, float] = defaultdict(float)
        into: dict[str, float] = defaultdict(float)
        for (tail, head), tokens in self._flow.arcs.items():
            out[tail] += tokens
            into[head] += tokens
        for (tail, head), tokens in self._flow.arcs.items():
            target = self.machines.get(head)
            size, bandwidth, latency = self._way(tail, head, tokens / out[tail], tokens / into[head])
            entry = 0 if target is None else target.cuts.index(self._entry(tail))
            link = Link(f"{tail} → {head}", tokens, size / bandwidth, latency, target, entry)
            if target is not None:
                target.inbound.append(link)
            (self.sources if tail == SOURCE else self.machines[tail].outbound).append(link)

    def _way(self, tail: str, head: str, share_out: float, share_in: float) -> tuple[float, float, float]:
        """Return the bytes of a token, the bytes per second, and the latency."""
        model, network, entry = self._instance.model, self._network, self._instance.coordinator_GBps * GBps
        if tail == SOURCE:
            card = float(network.inbound[self._nodes[head].index])
            return model.token_bytes, min(entry, entry * share_out, card * share_in), network.nearest_latency
        if head == SINK:
            card = float(network.outbound[self._nodes[tail].index])
            return model.token_bytes, min(entry, card * share_out, entry * share_in), network.nearest_latency
        a, b = self._nodes[tail].index, self._nodes[head].index
        cards = float(network.outbound[a]) * share_out, float(network.inbound[b]) * share_in
        latency = float(network.latency[a, b])
        return model.token_bytes + model.activation_bytes, min(float(network.between[a, b]), *cards), latency


class Router:
    """Chooses ways, and keeps the account of the room in caches."""

    def __init__(self, layout: Layout) -> None:
        machines = layout.machines.values()
        self._sources = _used(layout.sources)
        self._onward = {machine.name: _used(machine.outbound) for machine in machines}
        layers = range(max(machine.held[1] for machine in machines))
        holding = dict.fromkeys(tuple(m for m in machines if m.held[0] <= layer < m.held[1]) for layer in layers)
        self._layers = [
            (
                [(m, 1 / (m.held[1] - m.held[0])) for m in holders],
                sum(m.room / (m.held[1] - m.held[0]) for m in holders),
            )
            for holders in holding
        ]

    def has_room(self) -> bool:
        """Whether the caches of every layer have room for further offline requests."""
        return all(
            sum(machine.expected * share for machine, share in holders) <= FULLEST_LAYER * room
            for holders, room in self._layers
        )

    def take(self, prompt: int) -> tuple[Link, ...] | None:
        """Return the way of a new request and count it in; ``None`` where no machine admits it."""
        links, way = self._sources, list[Link]()
        while not way or way[-1].head is not None:
            admitting = [link for link in links if _admits(link, prompt)]
            if not admitting:
                return None
            way.append(min(admitting, key=lambda link: link.load + prompt / link.flow))
            if (head := way[-1].head) is not None:
                links = self._onward[head.name]
        for link in way:
            link.load += prompt / link.flow
        self._book(way, prompt + EXPECTED_ANSWER)
        return tuple(way)

    def release(self, way: tuple[Link, ...], prompt: int) -> None:
        """Free the room of a request that ends."""
        self._book(way, -prompt - EXPECTED_ANSWER)

    @staticmethod
    def _book(way: list[Link] | tuple[Link, ...], tokens: int) -> None:
        for link in way:
            if link.head is not None:
                link.head.expected += tokens * link.layers_ahead


def _used(links: list[Link]) -> list[Link]:
    """Return the links that requests may take; all, where there are so many that each carries little."""
    least = LEAST_SHARE * sum(link.flow for link in links)
    used = [link for link in links if link.flow >= least] or list(links)
    for link in used:
        link.weighed = len(used) > 1
    return used


def _admits(link: Link, prompt: int) -> bool:
    head = link.head
    if head is None:
        return True
    expected = head.expected + (prompt + EXPECTED_ANSWER) * link.layers_ahead
    return prompt <= head.speed.most_prompt_tokens and expected <= FULLEST_MACHINE * head.room
