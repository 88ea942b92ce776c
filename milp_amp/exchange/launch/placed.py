"""The plan of placed.json, set in a configuration of torchtitan that is written in Python.

    from placed import placed
    config = placed(config)

Versions count the batch in sequences or in tokens, and have two names for the list of modules.
"""

from __future__ import annotations  # clusters have old Pythons

import json
import os
from typing import Any

MODULE_FIELDS = ("pipeline_parallel_module_fqns_per_model_part", "module_fqns_per_model_part")


def placed(config: Any) -> Any:
    """Set degrees, batch and modules; return the configuration."""
    plan = read_plan()
    counted = "tokens" if hasattr(config.training, "num_tokens_per_train_step") else "sequences"
    for part in ("degrees", counted):
        for section, fields in plan[part].items():
            for name, value in fields.items():
                setattr(getattr(config, section), name, value)
    if plan["modules"] is not None:
        known = [name for name in MODULE_FIELDS if hasattr(config.parallelism, name)]
        setattr(config.parallelism, known[0], plan["modules"])
    return config


def read_plan() -> dict[str, Any]:
    """Return the fields by section, and the modules of every stage."""
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "placed.json")
    with open(beside, encoding="utf-8") as stream:
        found: dict[str, Any] = json.load(stream)
    return found
