"""What an import gives: an instance, and which host each of its nodes is."""

from collections.abc import Sequence
from dataclasses import dataclass

from milp_amp.errors import InputError
from milp_amp.exchange.incoming.racks import node_name
from milp_amp.generate.document import document
from milp_amp.problem.files import decode_json
from milp_amp.problem.instance import Instance


@dataclass(frozen=True)
class Imported:
    """An instance, and the names of the hosts that its nodes stand for; none where nobody named them."""

    instance: Instance
    hosts: Sequence[str] = ()

    def document(self, where: str) -> bytes:
        """Return the instance as JSON that can be read again; ``where`` is the name of the file to be written.

        Raises
        ------
        InputError
            If it breaks a rule of instances.
        """
        content = document(self.instance)
        decode_json(content, Instance, InputError, where)
        return content

    @property
    def host_lines(self) -> bytes:
        """A line for every node: its name in the instance, and its host's."""
        named = {node_name(host): host for host in self.hosts}
        nodes = self.instance.cluster.hosts
        lines = [f"{node.name} {named[node.group.name]}\n" for node in nodes if node.group.name in named]
        return "".join(lines).encode()
