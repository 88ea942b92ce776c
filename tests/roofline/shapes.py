"""Shapes for tests: from a configuration, and a GPT of round numbers."""

import json
import tempfile
from pathlib import Path
from typing import Any

from milp_amp.problem.shape import ModelShape
from milp_amp.roofline.config import read_config


def shape_of(config: Any) -> ModelShape:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.json"
        file.write_text(json.dumps(config))
        return read_config(file)


def gpt(**fields: Any) -> ModelShape:
    sizes = {"layers": 4, "hidden_size": 1024, "heads": 16, "key_value_heads": 16, "head_size": 64, "ffn_size": 4096}
    return ModelShape(
        **{"name": "gpt", "gated": False, "vocabulary": 50_000, "longest_sequence": 2048, **sizes, **fields}
    )
