"""The tokens per second that a placement carries: an exact max flow, and the cut that limits it.

A machine is an arc of its tokens per second. Where ``i`` ends, ``j`` may begin: an arc of what their link carries. With
partial inference ``j`` may also have begun before. The coordinator feeds the machines that hold the first layer, and
takes from those that hold the last.
"""

from dataclasses import dataclass

from ortools.graph.python import max_flow

from milp_amp.cost.network import Network, measure
from milp_amp.errors import PlanError
from milp_amp.plan.placement import Placement
from milp_amp.problem.serving import ServingInstance

UNITS = 1e6
"""Flows are computed in whole millionths of a token per second, rounded down."""

SOURCE, SINK = "coordinator, out", "coordinator, in"


@dataclass(frozen=True, kw_only=True)
class Flow:
    """What a placement carries.

    Attributes
    ----------
    tokens_per_s
        The max flow, up to rounding down every arc by ``1 / UNITS``.
    arcs
        Tokens per second from machine to machine, the coordinator's two ends included; arcs without flow are left out.
    cut
        Machines and links whose tokens per second add up to the flow: what to add to for more.
    """

    tokens_per_s: float
    arcs: dict[tuple[str, str], float]
    cut: tuple[str, ...]


def broken_placement(instance: ServingInstance, placement: Placement) -> tuple[str, ...]:
    """Return a sentence for every rule that a placement breaks."""
    machines = {machine.name: machine for machine in instance.machines}
    broken = []
    for name, (start, stop) in placement.layers.items():
        field = f"layers.{name}: [{start}, {stop}]"
        if name not in machines:
            broken.append(f"layers.{name}: no such machine, expected one like {next(iter(machines))!r}")
        elif not 0 <= start < stop <= instance.model.num_layers:
            broken.append(f"{field}, expected 0 <= start < stop <= {instance.model.num_layers}")
        elif stop - start > (most := instance.performance_of(machines[name]).most_layers):
            broken.append(f"{field} are {stop - start} layers, expected at most {most}")
    return tuple(broken)


def flow_of(instance: ServingInstance, placement: Placement, network: Network | None = None) -> Flow:
    """Return the flow of a placement.

    Raises
    ------
    PlanError
        If the placement breaks a rule.
    """
    if broken := broken_placement(instance, placement):
        raise PlanError(broken[0])
    return _Graph(instance, placement, network or measure(instance.cluster)).flow()


class _Graph:
    """The flow network of one placement; a machine is two vertices with its arc between them."""

    def __init__(self, instance: ServingInstance, placement: Placement, network: Network) -> None:
        self._held = [
            (machine, *placement.layers[machine.name])
            for machine in instance.machines
            if machine.name in placement.layers
        ]
        self._ends: list[tuple[str, str]] = []
        self._program = max_flow.SimpleMaxFlow()
        self._capacity: list[float] = []
        entry = instance.entry_tokens_per_s
        for v, (machine, start, stop) in enumerate(self._held):
            self._arc(
                self._in(v), self._out(v), instance.tokens_per_s(machine, stop - start), machine.name, machine.name
            )
            if start == 0:
                self._arc(0, self._in(v), entry, SOURCE, machine.name)
            if stop == instance.model.num_layers:
                self._arc(self._out(v), 1, entry, machine.name, SINK)
            for w, (other, begin, end) in enumerate(self._held):
                if begin == stop or (placement.partial_inference and begin < stop < end):
                    carried = instance.link_tokens_per_s(float(network.between[machine.index, other.index]))
                    self._arc(self._out(v), self._in(w), carried, machine.name, other.name)

    @staticmethod
    def _in(v: int) -> int:
        return 2 + 2 * v

    @staticmethod
    def _out(v: int) -> int:
        return 3 + 2 * v

    def _arc(self, tail: int, head: int, tokens_per_s: float, source: str, target: str) -> None:
        self._program.add_arc_with_capacity(tail, head, int(tokens_per_s * UNITS))
        self._capacity.append(tokens_per_s)
        self._ends.append((source, target))

    def flow(self) -> Flow:
        """Solve it."""
        program = self._program
        if not any(SOURCE in ends for ends in self._ends) or not any(SINK in ends for ends in self._ends):
            return Flow(tokens_per_s=0.0, arcs={}, cut=())
        status = program.solve(0, 1)
        assert status == program.OPTIMAL, status
        arcs = range(len(self._ends))
        reached = set(program.get_source_side_min_cut())
        cut = [k for k in arcs if program.tail(k) in reached and program.head(k) not in reached]
        return Flow(
            tokens_per_s=sum(self._capacity[k] for k in cut),
            arcs={
                self._ends[k]: program.flow(k) / UNITS
                for k in arcs
                if program.flow(k) and self._ends[k][0] != self._ends[k][1]
            },
            cut=tuple(_named(self._ends[k]) for k in cut),
        )


def _named(ends: tuple[str, str]) -> str:
    source, target = ends
    return source if source == target else f"{source} → {target}"
