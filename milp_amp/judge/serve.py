"""Serving by a placement, event by event: tokens per second, and where requests wait.

The rules are those of the simulator of Helix (Mei et al., "Helix: Serving Large Language Models over Heterogeneous
GPUs and Network via Max-Flow", ASPLOS 2025). A request is one pass of its prompt through all layers, then one pass per
output token, from the coordinator and back to it. Prompts and decodes share batches, so that a prompt holds up what is
behind it. Caches are an account of what is expected of the requests that run; it decides who is admitted.
"""

import heapq
import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from milp_amp.cost.network import measure
from milp_amp.errors import InputError, PlanError
from milp_amp.judge.even_flow import even_flow
from milp_amp.judge.flow import Flow, broken_placement
from milp_amp.judge.serve_load import Load, load_from
from milp_amp.judge.serve_node import Link, Machine, Run
from milp_amp.judge.serve_route import Layout, Router
from milp_amp.judge.served import Count, Percentiles, Served
from milp_amp.plan.placement import Placement
from milp_amp.problem.serving import ServingInstance

__all__ = ["Load", "Percentiles", "Served", "load_from", "serve"]

FIRST_REQUESTS = 20
"""Offline requests at the start."""

PAUSE_S = 0.1
"""Seconds between them, and before an offline request that follows another."""


def serve(instance: ServingInstance, placement: Placement, load: Load, flow: Flow | None = None) -> Served:
    """Simulate serving.

    Parameters
    ----------
    flow
        What the links are meant to carry, where it is not the max flow that loads machines most evenly.

    Raises
    ------
    PlanError
        If the placement breaks a rule or carries nothing.
    InputError
        If the instance has no requests, or no tables of prompts, decodes and caches.
    """
    if instance.requests is None:
        raise InputError(f"{instance.name}: requests are missing, expected an instance that says what users send")
    if broken := broken_placement(instance, placement):
        raise PlanError(broken[0])
    network = measure(instance.cluster)
    layout = Layout(instance, placement, flow or even_flow(instance, placement, network), network)
    return _Service(layout, load).run()


@dataclass(slots=True)
class _Request:
    """A request on its way; ``loads`` are the links that were chosen among others, and what an output token adds."""

    way: tuple[Link, ...]
    loads: tuple[tuple[Link, float], ...]
    prompt: int
    left: int
    began: float
    is_prompt: bool = True


class _Service:
    """The events: a machine is done or reached, a pass comes back to the coordinator, a request arrives.

    An event is a number: machines come first, then requests that come back, and below zero those that arrive.
    """

    def __init__(self, layout: Layout, load: Load) -> None:
        self._load, self._router = load, Router(layout)
        self._machines = list(layout.machines.values())
        self._number = {machine.name: number for number, machine in enumerate(self._machines)}
        self._links = [*layout.sources, *(link for machine in self._machines for link in machine.outbound)]
        size = len(load.prompt_tokens)
        shuffled = load.seed != 0 and load.arrivals is None
        self._order = np.random.default_rng(load.seed).permutation(size) if shuffled else np.arange(size)
        self._events: list[tuple[float, int, int]] = []
        self._pushed = self._arrived = 0
        self._requests: list[_Request] = []
        self._count = Count()

    def _push(self, time: float, what: int) -> None:
        """Events of one time happen in the order in which they were pushed."""
        self._pushed += 1
        heapq.heappush(self._events, (time, self._pushed, what))

    def run(self) -> Served:
        """Serve until the end of the window."""
        arrivals = self._load.arrivals
        offline = [PAUSE_S * number for number in range(FIRST_REQUESTS)]
        for arrival in offline if arrivals is None else sorted(arrivals):
            self._push(arrival, -1)
        if arrivals is not None:
            self._order = np.argsort(arrivals, kind="stable")
        events, machines, end = self._events, len(self._machines), self._load.end_s
        while events and events[0][0] < end:
            now, _, what = heapq.heappop(events)
            if what >= machines:
                self._come_back(now, what - machines)
            elif what >= 0:
                self._turn(now, what)
            else:
                self._arrive(now)
        return self._count.served(self._load.measured_s, self._waited())

    def _turn(self, now: float, number: int) -> None:
        """Let a machine hand on what is done and take what waits."""
        machine = self._machines[number]
        if now != machine.due:
            return  # it was reached sooner by something else
        if machine.busy:
            self._hand_on(now, machine)
        machine.collect(now)
        due = machine.begin(now)
        machine.busy = due < math.inf
        machine.due = due if machine.busy else machine.next_arrival()
        if machine.due < math.inf:
            self._push(machine.due, number)

    def _hand_on(self, now: float, machine: Machine) -> None:
        """Send what leaves a machine in the order in which it came."""
        prompts, decodes = machine.finish(now)
        sent = 0
        for prompt in prompts:
            self._send_decodes(now, machine, decodes[sent : prompt.ahead])
            sent = max(sent, prompt.ahead)
            self._send(now, machine.onward[prompt.request], [prompt.request], prompt.tokens, is_prompt=True)
        self._send_decodes(now, machine, decodes[sent:] if sent else decodes)

    def _send_decodes(self, now: float, machine: Machine, decodes: list[int]) -> None:
        """Send the decodes of every link together."""
        if not decodes:
            return
        if len(machine.outbound) == 1:
            self._send(now, machine.outbound[0], decodes, 1, is_prompt=False)
            return
        put = machine.put
        for request in decodes:
            put[request](request)
        for link in machine.outbound:
            if link.outbox:
                self._send(now, link, link.outbox.copy(), 1, is_prompt=False)
                link.outbox.clear()

    def _send(self, now: float, link: Link, requests: list[int], tokens: int, is_prompt: bool) -> None:
        run: Run = link.send(now, requests, tokens, is_prompt)
        head = link.head
        if head is None:
            for place, request in enumerate(requests):
                self._push(run.first + place * run.step, len(self._machines) + request)
        elif not head.busy and run.first < head.due:
            head.due = run.first
            self._push(head.due, self._number[head.name])

    def _arrive(self, now: float) -> None:
        """Route the next request, or drop it."""
        index = self._order[self._arrived % len(self._order)]
        self._arrived += 1
        prompt, left = self._load.prompt_tokens[index], self._load.output_tokens[index]
        way = self._router.take(prompt)
        if way is None:
            self._count.dropped += 1
            return
        number = len(self._requests)
        self._count.taken += 1
        self._requests.append(
            _Request(way, tuple((link, 1 / link.flow) for link in way if link.weighed), prompt, left, now)
        )
        for link, after in pairwise(way):
            assert link.head is not None, link.name
            link.head.onward[number], link.head.put[number] = after, after.outbox.append
        self._send(now, way[0], [number], prompt, is_prompt=True)

    def _come_back(self, now: float, number: int) -> None:
        """Count a pass that is back at the coordinator, and begin the next."""
        request, count, counted = self._requests[number], self._count, now >= self._load.warm_up_s
        if request.is_prompt:
            request.is_prompt = False
            if counted:
                count.prompts.append(now - request.began)
                count.prompt_tokens += request.prompt
            self._follow(now)
        else:
            request.left -= 1
            if counted:
                count.decodes.append(now - request.began)
        if not request.left:
            self._end(now, number)
            return
        request.began = now
        for link, load in request.loads:
            link.load += load
        self._send(now, request.way[0], [number], 1, is_prompt=False)

    def _end(self, now: float, number: int) -> None:
        request = self._requests[number]
        self._count.finished += now >= self._load.warm_up_s
        self._router.release(request.way, request.prompt)
        for link in request.way[:-1]:
            assert link.head is not None, link.name
            del link.head.onward[number], link.head.put[number]
        self._follow(now)

    def _follow(self, now: float) -> None:
        """Let another offline request follow if there is room."""
        if self._load.arrivals is None and self._router.has_room():
            self._push(now + PAUSE_S, -1)

    def _waited(self) -> list[tuple[str, float]]:
        machines = [(machine.name, machine.waited_until(self._load.end_s)) for machine in self._machines]
        return machines + [(link.name, link.waited) for link in self._links]
