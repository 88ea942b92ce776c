"""The published JSON Schemas say what the code reads and writes; ``python -m tests.test_schema`` rewrites them."""

import inspect
from pathlib import Path
from typing import Any

import msgspec
import pytest

from milp_amp.plan.placement import Placement, ServingResult
from milp_amp.plan.result import Result
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.files import read, read_question, to_json
from milp_amp.problem.instance import Instance
from milp_amp.problem.serving import ServingInstance

INSTANCES = Path(__file__).parents[1] / "instances"
LIBRARY = sorted(file for file in INSTANCES.glob("*/*.json") if file.parent.name != "schema")
PUBLISHED = {
    "instance": Instance,
    "strategy": Strategy,
    "result": Result,
    "serving-instance": ServingInstance,
    "placement": Placement,
    "serving-result": ServingResult,
}


def path(name: str) -> Path:
    return INSTANCES / "schema" / f"{name}.schema.json"


def generate(name: str) -> bytes:
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return to_json(_clean(dialect | msgspec.json.schema(PUBLISHED[name])))


def _clean(node: Any) -> Any:
    """Dedent the descriptions: docstrings keep their indentation up to Python 3.12 and lose it in 3.13."""
    if isinstance(node, list):
        return [_clean(value) for value in node]
    if not isinstance(node, dict):
        return node
    return {
        key: inspect.cleandoc(value) if key == "description" and isinstance(value, str) else _clean(value)
        for key, value in node.items()
    }


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_schema_is_what_the_code_generates(name):
    assert path(name).read_bytes() == generate(name), "python -m tests.test_schema writes the schemas anew"


@pytest.mark.parametrize("file", LIBRARY, ids=lambda file: file.stem)
def test_every_instance_of_the_library_reads_and_names_its_source(file):
    world = read_question(file)
    assert world.name == file.stem
    assert world.source


@pytest.mark.parametrize("file", sorted(INSTANCES.glob("amp/*.json")), ids=lambda file: file.stem)
def test_the_instances_of_amp_have_sixteen_devices_on_four_nodes(file):
    cluster = read(file).cluster
    assert (cluster.num_devices, len(cluster.hosts)) == (16, 4)


if __name__ == "__main__":
    for name in PUBLISHED:
        path(name).write_bytes(generate(name))
