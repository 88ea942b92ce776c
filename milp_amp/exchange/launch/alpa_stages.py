"""The stages of stages.json as Alpa's options.

    from alpa_stages import devices, stage_option
    alpa.PipeshardParallel(devices=devices(), stage_option=stage_option(), layer_option=…, num_micro_batches=…)

Every layer of the plan is a layer of Alpa: the training program marks them (``alpa.mark_pipeline_boundary``).
"""

from __future__ import annotations  # clusters have old Pythons

import json
import os
import socket
from typing import Any

import alpa


def stage_option() -> Any:
    """Return layers, devices and degrees of every stage."""
    plan = _plan()
    return alpa.ManualStageOption(
        forward_stage_layer_ids=plan["forward_stage_layer_ids"],
        submesh_physical_shapes=[tuple(shape) for shape in plan["submesh_physical_shapes"]],
        submesh_logical_shapes=[tuple(shape) for shape in plan["submesh_logical_shapes"]],
        submesh_autosharding_option_dicts=plan["submesh_autosharding_option_dicts"],
    )


def devices() -> Any:
    """Return the plan's hosts in its order; Alpa slices them by the sizes of the stages."""
    cluster = alpa.get_global_cluster()
    places = {host["NodeManagerAddress"]: number for number, host in enumerate(cluster.host_info)}
    plan = _plan()
    ordered = [places[socket.gethostbyname(host)] for host in plan["hosts"]]
    return cluster.get_virtual_physical_mesh(ordered, plan["devices_per_host"])


def _plan() -> dict[str, Any]:
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "stages.json")
    with open(beside, encoding="utf-8") as stream:
        found: dict[str, Any] = json.load(stream)
    return found
