"""HexGen: a tensor degree and a number of decoder layers for every stage.

``--hetero_config 2 2 4 --pp_partition 20 20 40`` (HexGen's README, "Asymmetric Parallel Group Support"); ranks follow
the stages, and each server is a group of its own to its head coordinator.
"""

from milp_amp.exchange.servers import Server
from milp_amp.exchange.targets.decoder import decoder
from milp_amp.exchange.targets.rules import bare_ends, divided_heads, merged, undivided_heads
from milp_amp.exchange.targets.target import Serve, ServingTarget
from milp_amp.plan.strategy import Strategy
from milp_amp.problem.instance import Instance
from milp_amp.problem.restrictions import Restrictions

NAME = "HexGen"


def restrictions(instance: Instance) -> Restrictions:
    """Tensor degrees that divide the heads, and a decoder layer at both ends."""
    return merged(Restrictions(layer_pins=decoder(instance, NAME).pins(at_least=1)), divided_heads(instance))


def refusals(instance: Instance, strategy: Strategy) -> tuple[str, ...]:
    """Why it cannot run a plan."""
    found = decoder(instance, NAME)
    return (
        *undivided_heads(instance, strategy),
        *found.misplaced(strategy),
        *bare_ends(strategy, found.counts(strategy)),
    )


def serve(server: Server, number: int) -> Serve:
    """Return the command of HexGen's worker; torchrun numbers the ranks stage by stage."""
    together = (
        *("torchrun", "--nnodes", str(len(server.stages)), "--node-rank", "{stage}", "--nproc-per-node", "{devices}"),
        *("--master-addr", "{head}", "--master-port", "{port}"),
    )
    arguments = (
        *("--hetero_config", *map(str, server.tensor_degrees)),
        *("--pp_partition", *map(str, server.layers)),
        *("--group_id", str(number)),
    )
    return Serve(server=server, command=together, arguments=arguments)


HEXGEN = ServingTarget(
    "hexgen",
    NAME,
    restrictions,
    refusals,
    lambda _servers: (),
    serve,
    ("MODEL is HexGen's _llama_worker.py with its own options: --model_size, --model_name, --head_node.",),
)
