"""A library of two instances whose best plans a test can check by hand, to be spoiled.

``made/train.json``: four microbatches through two layers of 3 ms on two devices: ``(2 + 4 − 1) × 3 ms`` in two stages,
``4 / 2 × 6 ms`` as two replicas. ``made/serve.json``: two layers on two machines of 9 tokens/s for one layer and 5 for
two: 9 tokens/s one after the other, 10 side by side.
"""

import csv
import datetime
import json
from pathlib import Path
from typing import Any

from milp_amp.bench.best_known import TABLE, BestKnown
from milp_amp.bench.library import INDEX, Entry, index
from milp_amp.bench.library_check import check_index, check_plans, check_rows
from milp_amp.bench.library_update import update
from milp_amp.bench.rows import read_rows, to_csv
from milp_amp.plan.placement import Placement, ServingResult
from milp_amp.plan.result import Result, Status, relative_gap
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.files import to_json
from tests.builders import instance, result, strategy
from tests.serving.worlds import serving

TRAIN, SERVE = "made/train.json", "made/serve.json"
STAGES, STAGES_S = strategy((0, 1, "a.0/0"), (1, 2, "a.0/1")), 0.015
REPLICAS, REPLICAS_S = strategy((0, 2, "a.0/0", "a.0/1")), 0.012
CHAIN, CHAIN_TOKENS = Placement(layers={"a.0": (0, 1), "a.1": (1, 2)}), 9.0
TWINS, TWINS_TOKENS = Placement(layers={"a.0": (0, 2), "a.1": (0, 2)}), 10.0
TODAY = datetime.date(2026, 1, 2)


def trained(plan: Strategy, objective: float, bound: float | None = None, **fields: Any) -> Result:
    """Return what a formulation would claim about training."""
    return result(plan, objective, bound, **fields)


def served(plan: Placement, objective: float, bound: float) -> ServingResult:
    """Return what a formulation would claim about serving."""
    return ServingResult(
        instance="tiny",
        formulation="by hand",
        status=Status.FEASIBLE,
        objective=objective,
        bound=bound,
        gap=relative_gap(objective, bound),
        runtime_s=0.0,
        verified=False,
        placement=plan,
    )


def library(folder: Path) -> Path:
    """Write the library, with the worse plan for training, unproved, and the better one for serving, proved."""
    (folder / "made").mkdir(parents=True)
    (folder / TRAIN).write_bytes(to_json(instance(layer_ms={"fast": [3, 3]}, batch=4)))
    (folder / SERVE).write_bytes(to_json(serving({"a": (2, (9.0, 5.0))}, 2)))
    (folder / INDEX).write_bytes(to_csv(index(folder), Entry))
    take(folder, TRAIN, trained(STAGES, STAGES_S, 0.01))
    take(folder, SERVE, served(TWINS, TWINS_TOKENS, TWINS_TOKENS))
    return folder


def wrong(folder: Path) -> list[str]:
    """Return everything that is wrong with a library."""
    table = read_rows(folder / TABLE, BestKnown)
    found = [*check_index(folder, read_rows(folder / INDEX, Entry)), *check_plans(folder, table)]
    return found + [f"{each.row.instance}: {line}" for each in check_rows(folder, table) for line in each.failures]


def claim(folder: Path, claimed: Result | ServingResult) -> Path:
    """Write a result beside the library."""
    file = folder.parent / "claim.json"
    file.write_bytes(to_json(claimed))
    return file


def take(folder: Path, path: str, claimed: Result | ServingResult, today: datetime.date = TODAY) -> BestKnown | None:
    """Take a result into the library."""
    return update(folder, path, claim(folder, claimed), today)


def rewrite(folder: Path, path: str, name: str = TABLE, **fields: object) -> None:
    """Put other values into the line of an instance."""
    with (folder / name).open(newline="") as stream:
        reader = csv.DictReader(stream)
        columns, rows = list(reader.fieldnames or ()), list(reader)
    for row in rows:
        if path in (row.get("instance"), row.get("path")):
            row |= {field: str(value) for field, value in fields.items()}
    with (folder / name).open("w", newline="") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def rewrite_json(file: Path, **fields: object) -> None:
    """Put other values into a document."""
    file.write_text(json.dumps(json.loads(file.read_bytes()) | fields))
