"""vLLM and SGLang: one tensor degree, the decoder layers of every stage in an environment variable.

``VLLM_PP_LAYER_PARTITION=42,36`` (``vllm/distributed/utils.py``) and ``SGLANG_PP_LAYER_PARTITION`` have one number per
stage. Both number ranks pipeline first, tensor ranks innermost, and divide them evenly among their "nodes": every stage
is one, with its own devices visible, and so any device may be anywhere.
"""

from milp_amp.exchange.servers import Server
from milp_amp.exchange.targets.rules import filled_ends, several_degrees, unfilled_ends
from milp_amp.exchange.targets.target import Serve, ServingTarget
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.instance import Instance


def refusals(instance: Instance, strategy: Strategy, launcher: str) -> tuple[str, ...]:
    """Why it cannot run a plan."""
    return (*several_degrees(strategy, launcher), *unfilled_ends(instance, strategy, launcher))


def unserved(servers: tuple[Server, ...]) -> tuple[str, ...]:
    """Why it cannot run servers."""
    degrees = [sorted(set(server.tensor_degrees)) for server in servers]
    return tuple(
        f"server {r}: tensor groups of {', '.join(map(str, found))} devices, expected one size"
        for r, found in enumerate(degrees)
        if len(found) > 1
    )


def vllm(server: Server, number: int) -> Serve:
    """Return vLLM's command: native multiprocessing, a node per stage."""
    degrees = (
        *("--tensor-parallel-size", str(server.tensor_degrees[0])),
        *("--pipeline-parallel-size", str(len(server.stages))),
        *("--port", str(8000 + number)),
    )
    spread = (
        *("--distributed-executor-backend", "mp", "--nnodes", str(len(server.stages)), "--node-rank", "{stage}"),
        *("--master-addr", "{head}", "--master-port", "{port}"),
    )
    alone = len(server.nodes) == 1
    return Serve(
        server=server,
        command=("vllm", "serve"),
        arguments=degrees if alone else (*degrees, *spread),
        environment=_partition("VLLM_PP_LAYER_PARTITION", server),
        others=() if alone else ("--headless",),
        whole=alone,
    )


def sglang(server: Server, number: int) -> Serve:
    """Return SGLang's command: a node per stage."""
    degrees = (
        *("--tp-size", str(server.tensor_degrees[0]), "--pp-size", str(len(server.stages))),
        *("--port", str(30000 + number)),
    )
    spread = ("--dist-init-addr", "{head}:{port}", "--nnodes", str(len(server.stages)), "--node-rank", "{stage}")
    alone = len(server.nodes) == 1
    return Serve(
        server=server,
        command=("python3", "-m", "sglang.launch_server", "--model-path"),
        arguments=degrees if alone else (*degrees, *spread),
        environment=_partition("SGLANG_PP_LAYER_PARTITION", server),
        whole=alone,
    )


def _partition(variable: str, server: Server) -> dict[str, str]:
    return {variable: ",".join(map(str, server.layers))} if len(server.stages) > 1 else {}


VLLM = ServingTarget(
    "vllm",
    "vLLM",
    lambda instance: filled_ends(instance, "vLLM"),
    lambda instance, strategy: refusals(instance, strategy, "vLLM"),
    unserved,
    vllm,
)
SGLANG = ServingTarget(
    "sglang",
    "SGLang",
    lambda instance: filled_ends(instance, "SGLang"),
    lambda instance, strategy: refusals(instance, strategy, "SGLang"),
    unserved,
    sglang,
)
