"""What it costs to keep to what a launcher can run: every training question of the library under every target.

python -m benchmarks.targets [--time-limit 20] [--only TEXT …] [--write]

The best known plan of a question is where the search for a target's best one starts, and what that is compared with.
``--write`` puts the table into ``benchmarks/TARGETS.md``.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from milp_amp.bench.best_known import FLOW, TABLE, BestKnown
from milp_amp.bench.rows import read_rows
from milp_amp.bench.summary import to_markdown
from milp_amp.errors import FormulationError, InputError
from milp_amp.exchange.nearest import costs_of, restricted, start
from milp_amp.exchange.targets import load_any, names, serving_names
from milp_amp.plan.files import read_strategy
from milp_amp.plan.result import Result, Status
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.files import read, write_atomically
from milp_amp.problem.instance import Instance
from milp_amp.problem.restrictions import Restrictions
from milp_amp.solving import solve

LIBRARY = Path(__file__).parents[1] / "instances"
TARGETS = (*names(), *serving_names())
SAME = 1e-6


def cells(row: BestKnown, targets: tuple[str, ...], limit: float) -> Iterator[str]:
    """Yield what every target costs one question; targets of one set of restrictions are searched once."""
    instance = read(LIBRARY / row.instance)
    plan = read_strategy(LIBRARY / row.plan)
    known: dict[Restrictions, str] = {}
    for name in targets:
        try:
            asked = restricted(instance, load_any(name))
        except InputError as failure:
            yield f"cannot run it: {str(failure).partition(',')[0]}"
            continue
        if asked.restrictions not in known:
            begin = start(asked, plan, costs_of(instance, row.cost_model))
            known[asked.restrictions] = _searched(asked, row, begin, limit)
        yield known[asked.restrictions]


def _searched(asked: Instance, row: BestKnown, begin: Strategy | None, limit: float) -> str:
    try:
        result = solve(asked, cost_model=row.cost_model, time_limit=limit, warm_start=begin)
    except FormulationError as failure:
        return f"not searched: {str(failure).partition(',')[0]}"
    return cost(result, row)


def cost(result: Result, row: BestKnown) -> str:
    """Return how much more the best plan under the restrictions takes, and ``≤`` where a better one may be."""
    if result.objective is None:
        return "no plan" if result.status is Status.INFEASIBLE else "no plan found"
    more = result.objective / row.value - 1
    if more <= SAME:
        return "0"
    return f"{'' if result.status is Status.OPTIMAL else '≤ '}{more:.2%}"


def main() -> None:
    """Search one question after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--time-limit", type=float, default=20.0, metavar="S", help="of every search")
    parser.add_argument("--only", nargs="+", default=[], metavar="TEXT", help="parts of <family>/<name>--<costs>")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    lines = []
    for row in read_rows(LIBRARY / TABLE, BestKnown):
        label = row.instance.removesuffix(".json")
        if row.cost_model == FLOW or not (
            not options.only or any(x in f"{label}--{row.cost_model}" for x in options.only)
        ):
            continue
        known = f"{row.value:.6g}{'' if row.status == 'optimal' else '*'}"
        lines.append((label, row.cost_model, known, *cells(row, TARGETS, options.time_limit)))
        print(*lines[-1], sep="  ", file=sys.stderr, flush=True)
    page = _preface(options.time_limit) + to_markdown(("instance", "cost model", "best of all", *TARGETS), lines)
    if options.write:
        write_atomically(Path(__file__).with_name("TARGETS.md"), page.encode())
    else:
        print(page)


def _preface(limit: float) -> str:
    return (
        "# What a launcher's rules cost\n\n"
        f"Written by `python -m benchmarks.targets --time-limit {limit:g} --write`: how much longer a step of the best "
        "plan that a launcher can run takes than one of the best known plan of all, from which the search starts. `≤` "
        "where the time did not suffice for a proof, `*` where the best known value of all is not proved.\n\n"
    )


if __name__ == "__main__":
    main()
