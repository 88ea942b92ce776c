"""A placement and its flow, as a prediction of what is served needs them."""

from collections import defaultdict
from collections.abc import Mapping

from milp_amp.cost.network import Network
from milp_amp.cost.serving_rules import FULLEST_LAYER, FULLEST_MACHINE, LEAST_SHARE
from milp_amp.plan.placement import Placement
from milp_amp.problem.cluster import Node
from milp_amp.problem.serving import ServingInstance
from milp_amp.space.service import COORDINATOR, Hop, Service, Visit
from milp_amp.space.serving_speeds import Demand

Arcs = Mapping[tuple[str, str], float]


def service_of_flow(
    instance: ServingInstance, placement: Placement, arcs: Arcs, network: Network, demand: Demand
) -> Service:
    """Return the service of a placement.

    Parameters
    ----------
    arcs
        Tokens per second from machine to machine; what is no machine of the placement is the coordinator.
    """
    return _Builder(instance, placement, arcs, network, demand).service()


class _Builder:
    """Machines in the order of their last layers: nothing goes back."""

    def __init__(
        self, instance: ServingInstance, placement: Placement, arcs: Arcs, network: Network, demand: Demand
    ) -> None:
        self._instance, self._layers, self._network, self._demand = instance, placement.layers, network, demand
        self._nodes = {node.name: node for node in instance.machines if node.name in placement.layers}
        self._onward = _onward(arcs, self._nodes)
        self._share = self._shares()
        self._order = [name for name in self._sorted() if self._share[name] > 0]

    def _sorted(self) -> list[str]:
        return sorted(self._nodes, key=lambda name: (self._layers[name][1], name))

    def _shares(self) -> dict[str, float]:
        """Return the share of requests that visit each machine."""
        share = dict.fromkeys(self._nodes, 0.0)
        for tail in ("", *self._sorted()):
            for head, part in self._onward[tail].items():
                if head:
                    share[head] += part * (share[tail] if tail else 1.0)
        return share

    def service(self) -> Service:
        """Return it."""
        number = {name: at for at, name in enumerate(self._order)} | {"": COORDINATOR}
        visits = tuple(self._visit(name, number) for name in self._order)
        return Service(visits, self._in_flight(visits), self._network.nearest_latency, self._demand)

    def _visit(self, name: str, number: Mapping[str, int]) -> Visit:
        share, group = self._share[name], self._nodes[name].group.name
        tails = [tail for tail in number if name in self._onward[tail]]
        shares = {tail: (self._share[tail] if tail else 1.0) * self._onward[tail][name] for tail in tails}
        stop, speeds = self._layers[name][1], self._demand.speeds[group]
        layers = sum(part / share * (stop - self._entry(tail)) for tail, part in shares.items())
        return Visit(
            machines=1,
            share=share,
            layers=layers,
            prompt_seconds=layers * speeds.prompt_seconds + self._demand.copy_seconds,
            prompt_spread=speeds.prompt_spread,
            decode_seconds=speeds.decode_seconds,
            coherence=sum((part / share) ** 2 for part in shares.values()),
            hops=tuple(self._hop(tail, name, part, number) for tail, part in shares.items()),
        )

    def _entry(self, tail: str) -> int:
        return self._layers[tail][1] if tail else 0

    def _hop(self, tail: str, head: str, share: float, number: Mapping[str, int]) -> Hop:
        part, onward = share / self._share[head], self._onward[tail][head]
        if not tail:
            return Hop(COORDINATOR, part, onward, share, 0.0, self._network.nearest_latency)
        a, b = self._nodes[tail].index, self._nodes[head].index
        network, model = self._network, self._instance.model
        cards = float(network.outbound[a]) * onward, float(network.inbound[b]) * part
        seconds = (model.activation_bytes + model.token_bytes) / min(float(network.between[a, b]), *cards)
        return Hop(number[tail], part, onward, share, seconds, float(network.latency[a, b]))

    def _in_flight(self, visits: tuple[Visit, ...]) -> float:
        """Return how many requests the caches of every layer and of every machine admit."""
        rooms, kept = {}, {}
        for name, visit in zip(self._order, visits, strict=True):
            start, stop = self._layers[name]
            rooms[name] = _room(self._instance, self._nodes[name], stop - start)
            kept[name] = visit.share * visit.layers * self._demand.kept_tokens
        limits = [FULLEST_MACHINE * rooms[name] / kept[name] for name in self._order]
        held = {name: self._layers[name] for name in self._order}
        for layer in sorted({start for start, _ in held.values()}):
            here = {name: stop - start for name, (start, stop) in held.items() if start <= layer < stop}
            room = sum(rooms[name] / size for name, size in here.items())
            limits.append(FULLEST_LAYER * room / sum(kept[name] / size for name, size in here.items()))
        return min(limits)


def _room(instance: ServingInstance, node: Node, layers: int) -> float:
    return instance.performance_of(node).kv_token_layers[layers - 1]


def _onward(arcs: Arcs, nodes: Mapping[str, Node]) -> Mapping[str, Mapping[str, float]]:
    """Return what goes where of what leaves a machine, without links too small to be used; "" is the coordinator."""
    out: dict[str, dict[str, float]] = defaultdict(dict)
    for (tail, head), tokens in arcs.items():
        out[tail if tail in nodes else ""][head if head in nodes else ""] = tokens
    for tail, heads in out.items():
        least = LEAST_SHARE * sum(heads.values())
        used = {head: tokens for head, tokens in heads.items() if tokens >= least} or heads
        out[tail] = {head: tokens / sum(used.values()) for head, tokens in used.items()}
    return out
