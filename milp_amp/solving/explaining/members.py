"""What forbids plans, taken apart: single restrictions, limits of the objective, and the memory of the devices."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from milp_amp.problem.instance import Instance
from milp_amp.problem.restriction_spelling import atoms, spelled
from milp_amp.problem.restrictions import Restrictions

MEMORY = "memory of the devices"
"""The one member that is no wish of the user's."""

LIMITS = ("least_steps_per_second", "most_price_per_step")
"""The fields of an objective that forbid plans."""

AMPLE_GIB = 1e9
"""Memory that binds nowhere: an exabyte on every device."""

replace = msgspec.structs.replace


@dataclass(frozen=True)
class Member:
    """One thing that a plan has to keep, and that could be dropped without the others.

    Attributes
    ----------
    text
        What the user writes for it: a restriction, an option, or ``MEMORY``.
    restriction
        The restriction, if it is one.
    limit
        Field of the objective and its value, if it is one of its limits.
    """

    text: str
    restriction: Restrictions | None = None
    limit: tuple[str, float] | None = None


def members_of(instance: Instance, texts: Sequence[str] = (), limits_memory: bool = True) -> tuple[Member, ...]:
    """Return all members of a question, each once.

    Parameters
    ----------
    texts
        Further restrictions. They are taken one by one: merged, two limits of one count would be but one member.
    limits_memory
        Whether plans have to fit into memory.

    Raises
    ------
    InputError
        If a text cannot be read, or names a layer or node that is not there.
    """
    instance.restricted(*texts)
    asked = [instance.restrictions, *(Restrictions.parse([text]) for text in texts)]
    wishes = [restriction_member(atom) for each in asked for atom in atoms(each)]
    limits = [(field, getattr(instance.objective, field)) for field in LIMITS]
    wishes += [limit_member(field, value) for field, value in limits if value is not None]
    return (*dict.fromkeys(wishes), *([Member(MEMORY)] if limits_memory else []))


def restriction_member(atom: Restrictions) -> Member:
    """Return the member that one restriction is."""
    return Member(" and ".join(spelled(atom)), restriction=atom)


def limit_member(field: str, value: float) -> Member:
    """Return the member that a limit of the objective is, by its option."""
    return Member(f"--{field.replace('_', '-')} {value:g}", limit=(field, value))


def posed(instance: Instance, members: Iterable[Member]) -> Instance:
    """Return the question whose plans have to keep these members and no others."""
    kept = tuple(members)
    restrictions = Restrictions()
    for member in kept:
        restrictions = restrictions.merged(member.restriction or Restrictions())
    objective = replace(instance.objective, **dict.fromkeys(LIMITS))
    objective = replace(objective, **dict(member.limit for member in kept if member.limit is not None))
    question = replace(instance, restrictions=restrictions, objective=objective)
    return question if any(member.text == MEMORY for member in kept) else with_memory(question, AMPLE_GIB)


def with_memory(instance: Instance, memory_GiB: float, device_types: Iterable[str] | None = None) -> Instance:
    """Return the instance with so much memory on every device, or on those of some types."""
    cluster = instance.cluster
    named = cluster.device_types if device_types is None else device_types
    changed = {name: replace(cluster.device_types[name], memory_GiB=memory_GiB) for name in named}
    return replace(instance, cluster=replace(cluster, device_types={**cluster.device_types, **changed}))
