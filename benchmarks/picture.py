"""Draw the README's picture: one training step of AMP's plan and of ours on the mixed V100/T4 cluster.

python benchmarks/picture.py docs/step.svg
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import milp_amp
from milp_amp.judge.evaluate import timeline
from milp_amp.judge.simulate import Timeline
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.files import write_atomically
from milp_amp.problem.instance import Instance

INSTANCE = Path(__file__).parents[1] / "instances" / "amp" / "gpt2-heterogeneous-cluster.json"
WIDTH, LEFT, ROW, GAP, TITLE = 860, 150, 22, 7, 30
COLOURS = {"forward": "#4c78a8", "backward": "#9ecae9", "transfer": "#e45756", "synchronise": "#b8b8b8"}


def bar(x: float, y: float, width: float, colour: str) -> str:
    """Return one rectangle; a hair narrower than its time, so that neighbours stay apart."""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width - 0.4, 0.3):.2f}" height="{ROW}" fill="{colour}"/>'


def text(x: float, y: float, words: str, size: int = 12, anchor: str = "start") -> str:
    """Return one line of text."""
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}">{words}</text>'


def devices(strategy: Strategy, stage: int) -> str:
    """Return the nodes of a stage and how many layers it holds."""
    part = strategy.stages[stage]
    nodes = sorted({device.split("/")[0] for replica in part.replicas for device in replica})
    return f"{', '.join(nodes)}: {part.stop - part.start} layers"


def panel(top: float, title: str, strategy: Strategy, steps: Timeline, scale: float) -> Iterator[str]:
    """Yield one plan's stages over time: passes in full height, transfers between the rows."""
    yield text(0, top + 16, title, 14)
    first = top + TITLE
    for stage in range(len(strategy.stages)):
        yield text(LEFT - 8, first + stage * (ROW + GAP) + 15, devices(strategy, stage), 11, "end")
    for span in steps.passes:
        y = first + span.place * (ROW + GAP)
        yield bar(LEFT + span.start * scale, y, (span.end - span.start) * scale, COLOURS[span.job.direction])
    for span in steps.transfers:
        y = first + span.place * (ROW + GAP) + ROW + 1
        wide = (span.end - span.start) * scale
        bar_of = f'<rect x="{LEFT + span.start * scale:.1f}" y="{y:.1f}" width="{wide:.2f}" height="{GAP - 2}"'
        yield f'{bar_of} fill="{COLOURS["transfer"]}"/>'
    for stage, (start, end) in enumerate(steps.synchronisations):
        y = first + stage * (ROW + GAP)
        yield bar(LEFT + start * scale, y, (end - start) * scale, COLOURS["synchronise"])


def draw(instance: Instance, plans: list[tuple[str, Strategy]]) -> str:
    """Return the whole picture."""
    steps = [timeline(instance, strategy) for _, strategy in plans]
    scale = (WIDTH - LEFT - 10) / max(one.step_time for one in steps)
    body: list[str] = []
    top = 6.0
    for (title, strategy), one in zip(plans, steps, strict=True):
        body += panel(top, title, strategy, one, scale)
        top += TITLE + len(strategy.stages) * (ROW + GAP) + 14
    for k, (name, colour) in enumerate(COLOURS.items()):
        body += [bar(LEFT + k * 110, top, 16, colour), text(LEFT + k * 110 + 22, top + 15, name)]
    size = f'width="{WIDTH}" height="{top + ROW + 8:.0f}" viewBox="0 0 {WIDTH} {top + ROW + 8:.0f}"'
    frame = f'<rect width="100%" height="100%" fill="white"/><g font-family="sans-serif">{chr(10).join(body)}</g>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{frame}</svg>\n'


def main() -> None:
    """Solve twice and draw both plans on one scale of time."""
    instance = milp_amp.read(INSTANCE)
    plans = []
    for name, formulation in (("AMP's choice", "amp_dp"), ("milp_amp, proved optimal", "auto")):
        result = milp_amp.solve(instance, formulation)
        assert result.strategy is not None
        simulated = timeline(instance, result.strategy).step_time
        plans.append((f"{name}: {result.objective:.3f} s by the formula, {simulated:.3f} s as drawn", result.strategy))
    write_atomically(sys.argv[1], draw(instance, plans).encode())


if __name__ == "__main__":
    main()
