"""The pre-pass for people: what the nodes can exchange, and how good a plan can be at best."""

import math

from milp_amp.bounds.prepass import Candidate, ClassCut, Prepass
from milp_amp.space.classes import NodeClass
from milp_amp.units import GBps, GiB
from milp_amp.view.table import table
from milp_amp.view.units_text import seconds

_SHOWN = 10
_LINKS_SHOWN = 3


def render(prepass: Prepass) -> str:
    """Return classes, flows between them, and the most promising degrees with the reason of their bounds."""
    classes = table(
        ("class", "nodes", "devices per node", "memory"), [_class_row(g) for g in prepass.classes], right=(1, 2, 3)
    )
    parts = [classes]
    if prepass.class_cuts:
        rows = [_cut_row(cut) for cut in prepass.class_cuts]
        parts.append(table(("from", "to", "at most", "because of the links"), rows, right=(2,)))
    if not math.isfinite(prepass.lower_bound):
        return "\n".join([*parts, "no degrees are possible: no plan exists\n"])
    parts.append(f"no plan takes less than {seconds(prepass.lower_bound)} per step\n")
    shown = prepass.candidates[:_SHOWN]
    parts.append(table(("degrees", "at least", "bound", "reason"), [_candidate_row(c) for c in shown], right=(1,)))
    if more := len(prepass.candidates) - len(shown):
        parts[-1] += f"and {more} more\n"
    return "\n".join(parts)


def _class_row(group: NodeClass) -> tuple[str, ...]:
    return group.name, str(len(group.nodes)), str(group.devices_per_node), f"{group.memory / GiB:.1f} GiB"


def _cut_row(flow: ClassCut) -> tuple[str, ...]:
    limits = [f"{source}-{target}" for source, target in flow.cut.links]
    limits += [f"(card of {node})" for node in flow.cut.cards]
    shown = limits[:_LINKS_SHOWN]
    if more := len(limits) - len(shown):
        shown.append(f"and {more} more")
    return flow.source.name, flow.target.name, f"{flow.cut.bandwidth / GBps:.4g} GB/s", " ".join(shown)


def _candidate_row(candidate: Candidate) -> tuple[str, ...]:
    strongest = max(candidate.bounds, key=lambda bound: bound.value)
    least = seconds(strongest.value) if math.isfinite(strongest.value) else "impossible"
    return str(candidate.degrees), least, strongest.name, strongest.reason
