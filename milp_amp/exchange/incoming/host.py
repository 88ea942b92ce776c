"""A machine with accelerators, as a list of machines has it."""

from collections.abc import Sequence
from dataclasses import dataclass

from milp_amp.exchange.incoming.given import Given
from milp_amp.problem.cluster import MAX_NODES

_LISTED = 10
"""Most machines that an instance names among those that it leaves out."""


@dataclass(frozen=True)
class Host:
    """One machine.

    Attributes
    ----------
    devices
        Its accelerators; ``None`` where the file does not say.
    product
        What it calls them; ``None`` where it does not say.
    """

    name: str
    devices: int | None = None
    product: str | None = None


@dataclass(frozen=True)
class Hosts:
    """All machines of a file, and where they stand.

    Attributes
    ----------
    left_out
        Names of machines that have no accelerators or cannot be used now.
    """

    given: Given
    hosts: tuple[Host, ...]
    left_out: tuple[str, ...] = ()

    @property
    def cited(self) -> str:
        """What an instance says of them."""
        names = ", ".join(self.left_out) if len(self.left_out) <= _LISTED else f"{len(self.left_out)} others"
        left = f" without {names} (no accelerators, or not in service)" if self.left_out else ""
        return f"{self.given.cited}: {len(self.hosts)} hosts{left}"


def checked_hosts(given: Given, hosts: Sequence[Host], left_out: Sequence[str] = ()) -> Hosts:
    """Return the machines of a file.

    Raises
    ------
    InputError
        If there are none or too many, or two have one name.
    """
    if not hosts:
        left = f" ({len(left_out)} without, or not in service)" if left_out else ""
        raise given.refusal(f"no host with accelerators{left}", "at least one")
    if len(hosts) > MAX_NODES:
        raise given.refusal(f"{len(hosts)} hosts", f"at most {MAX_NODES}")
    seen = set()
    for host in hosts:
        if host.name in seen:
            raise given.refusal(f"host {host.name!r} stands twice", "every host once")
        seen.add(host.name)
    return Hosts(given, tuple(hosts), tuple(left_out))
