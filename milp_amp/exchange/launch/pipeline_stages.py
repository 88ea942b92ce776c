"""A pipeline module of DeepSpeed whose stages begin where stages.json says.

    from pipeline_stages import placed
    model = placed(layers, loss_fn=…)      # in place of PipelineModule(layers, num_stages=…)

``layers`` are as many as the plan was made for, in its order.
"""

from __future__ import annotations  # clusters have old Pythons

import json
import os
from typing import Any

from deepspeed.pipe import PipelineModule
from deepspeed.runtime.pipe.topology import PipeDataParallelTopology, PipeModelDataParallelTopology


class PlacedPipelineModule(PipelineModule):
    """Stages of given layers instead of balanced ones."""

    def __init__(self, layers: Any, borders: list[int], **options: Any) -> None:
        self.borders = borders
        layers = list(layers)
        if len(layers) != borders[-1]:
            raise ValueError(f"{len(layers)} layers, expected {borders[-1]}, as the plan has")
        super().__init__(layers, **options)

    def _partition_layers(self, method: str = "uniform") -> None:
        """Take the borders whatever the method is."""
        stage = self._topo.get_coord(self.global_rank).pipe
        self.parts = list(self.borders)
        self._set_bounds(start=self.parts[stage], stop=self.parts[stage + 1])


def placed(layers: Any, **options: Any) -> PlacedPipelineModule:
    """Return the pipeline of the plan beside this file."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "stages.json"), encoding="utf-8") as stream:
        plan = json.load(stream)
    stages, tensor, data = len(plan["borders"]) - 1, plan["tensor_parallel"], plan["data_parallel"]
    if tensor > 1:
        topology = PipeModelDataParallelTopology(num_pp=stages, num_mp=tensor, num_dp=data)
    else:
        topology = PipeDataParallelTopology(num_pp=stages, num_dp=data)
    checkpoints = {"activation_checkpoint_interval": plan["activation_checkpoint_interval"]}
    return PlacedPipelineModule(layers, plan["borders"], topology=topology, **{**checkpoints, **options})
