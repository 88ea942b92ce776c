"""A row per formulation: how much it solved and proved, how close it came, how long it took."""

from collections.abc import Sequence

import pandas as pd

from milp_amp.bench.frame import wins
from milp_amp.bench.measures import shifted_geometric_mean
from milp_amp.solving.run import BASELINE

SAME = 1e-6
"""Relative difference below which two plans are a tie: above what solvers leave open, below what anybody notices."""

COLUMNS = {
    "runs": "runs",
    "solved": "solved",
    "proved": "proved in its space",
    "gap": "mean gap, %",
    "to_best": "mean distance to best known, %",
    "time_s": "time, shifted geometric mean, s",
    "primal_integral_s": "primal integral, mean, s",
    "wins": f"wins/ties/losses against {BASELINE}",
}
"""Columns of a summary, and what they are called where people read them."""


def summarise(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row per formulation in their order; runs of formulations about another question do not count."""
    against = wins(rows, SAME, BASELINE)
    order = rows["formulation"].unique()
    applied = rows[rows["applies"]].groupby("formulation", sort=False)
    summary = pd.DataFrame(
        {
            "runs": applied.size(),
            "solved": applied["solved"].sum(),
            "proved": applied["proved"].sum(),
            "gap": 100 * applied["gap"].mean(),
            "to_best": 100 * applied["to_best"].mean(),
            "time_s": applied["time_s"].agg(shifted_geometric_mean),
            "primal_integral_s": applied["primal_integral_s"].mean(),
        }
    ).reindex(order)
    for count in ("runs", "solved", "proved"):
        summary[count] = summary[count].fillna(0).astype(int)
    summary["wins"] = ["/".join(map(str, against[name])) if name in against else "" for name in order]
    return summary.rename_axis("formulation").reset_index()


def spelled(summary: pd.DataFrame) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return head and cells for people."""
    head = ("formulation", *COLUMNS.values())
    cells = [tuple(_cell(value) for value in row) for row in summary.itertuples(index=False)]
    return head, cells


def to_markdown(head: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """Return a table as Markdown, numbers to the right."""
    lines = [head, ["---", *(["---:"] * (len(head) - 1))], *cells]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)


def _cell(value: object) -> str:
    if not isinstance(value, float):
        return str(value) or "-"
    return "-" if value != value else f"{value:.3g}"
