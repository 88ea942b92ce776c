"""What an import gives: an instance, and which host each of its nodes is."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from milp_amp.errors import InputError
from milp_amp.generate.document import document
from milp_amp.problem.files import decode_json
from milp_amp.problem.instance import Instance


@contextmanager
def contradictions_refused() -> Iterator[None]:
    """Turn what instances say of numbers that contradict each other into an error about input.

    Raises
    ------
    InputError
        Instead of ``ValueError``.
    """
    try:
        yield
    except ValueError as failure:
        raise InputError(f"instance: {failure}") from None


@dataclass(frozen=True)
class Imported:
    """An instance, and the host of every node of it; none where nobody named them."""

    instance: Instance
    hosts: Mapping[str, str] = field(default_factory=dict)

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
        return "".join(f"{node} {host}\n" for node, host in self.hosts.items()).encode()
