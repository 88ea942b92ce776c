"""accelerate and llama.cpp: layers over the devices of one node, no tensor parallelism.

accelerate dispatches a model of transformers by a ``device_map`` of module names. llama.cpp gives layer ``i`` of ``N``
the first device at which the running sum of ``--tensor-split`` exceeds ``i / (N + 1)`` of the whole
(``src/llama-model.cpp``): with whole numbers of layers, and one more for the output at the end, that is exactly them.
"""

from milp_amp.errors import InputError
from milp_amp.exchange.servers import Server, servers_of_plan
from milp_amp.exchange.targets.decoder import decoder
from milp_amp.exchange.targets.rules import bare_ends, merged
from milp_amp.exchange.targets.target import Serve, ServingTarget
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.files import to_json
from milp_amp.problem.instance import Instance
from milp_amp.problem.restrictions import Range, Restrictions


def restrictions(instance: Instance, launcher: str) -> Restrictions:
    """No tensor parallelism, and a decoder layer at both ends."""
    _require(instance, launcher)
    pins = decoder(instance, launcher).pins(at_least=1)
    return merged(Restrictions(tensor_parallel=Range(exactly=1), layer_pins=pins))


def refusals(instance: Instance, strategy: Strategy, launcher: str) -> tuple[str, ...]:
    """Why it cannot run a plan."""
    _require(instance, launcher)
    found = decoder(instance, launcher)
    return (
        *unserved(servers_of_plan(instance.cluster, strategy, found.counts(strategy))),
        *found.misplaced(strategy),
        *bare_ends(strategy, found.counts(strategy)),
    )


def unserved(servers: tuple[Server, ...]) -> tuple[str, ...]:
    """Why they cannot run servers."""
    found = []
    for r, server in enumerate(servers):
        if len(server.nodes) > 1:
            found.append(f"server {r}: nodes {', '.join(server.nodes)}, expected one")
        if (most := max(server.tensor_degrees)) > 1:
            found.append(f"server {r}: tensor groups of {most} devices, expected none")
    return tuple(found)


def device_map(server: Server) -> dict[str, int]:
    """Return the device of every module, by the names of Llama's modules in transformers."""
    found, first = {"model.embed_tokens": 0, "model.rotary_emb": 0}, 0
    for number, count in enumerate(server.layers):
        found |= {f"model.layers.{n}": number for n in range(first, first + count)}
        first += count
    return found | {"model.norm": len(server.layers) - 1, "lm_head": len(server.layers) - 1}


def accelerate(server: Server, number: int) -> Serve:
    """Return the device map as a file; the user's program reads it."""
    name = f"device_map-{number}.json"
    return Serve(
        server=server,
        command=("python3",),
        arguments=(f"{{here}}/{name}",),
        whole=True,
        files={name: to_json(device_map(server)).decode()},
    )


def llamacpp(server: Server, number: int) -> Serve:
    """Return the command of llama-server."""
    output = 1
    *before, last = server.layers
    arguments = (
        *("--n-gpu-layers", str(sum(server.layers) + output), "--split-mode", "layer"),
        *("--tensor-split", ",".join(map(str, (*before, last + output)))),
        *("--port", str(8080 + number)),
    )
    return Serve(server=server, command=("llama-server", "-m"), arguments=arguments, whole=True)


def _require(instance: Instance, launcher: str) -> None:
    """Refuse an instance that leaves the choice between several nodes."""
    idle = instance.restrictions.idle_nodes
    nodes = [host.name for host in instance.cluster.hosts if host.name not in idle and host.group.name not in idle]
    if len(nodes) != 1:
        raise InputError(f"cluster.nodes: {len(nodes)} that may be used, expected one for {launcher} (idle_nodes)")


ACCELERATE = ServingTarget(
    "accelerate",
    "Hugging Face accelerate",
    lambda instance: restrictions(instance, "accelerate"),
    lambda instance, strategy: refusals(instance, strategy, "accelerate"),
    unserved,
    accelerate,
    (
        "MODEL is a program that hands the JSON of its last argument to AutoModelForCausalLM.from_pretrained as "
        "device_map; modules are called as those of Llama in transformers.",
    ),
)
LLAMACPP = ServingTarget(
    "llamacpp",
    "llama.cpp",
    lambda instance: restrictions(instance, "llama.cpp"),
    lambda instance, strategy: refusals(instance, strategy, "llama.cpp"),
    unserved,
    llamacpp,
    ("The input embedding stays on the host, as llama.cpp always has it.",),
)
