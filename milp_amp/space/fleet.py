"""Machines that serve a model, by type."""

from dataclasses import dataclass

from milp_amp.problem.serving import ServingInstance


@dataclass(frozen=True)
class Fleet:
    """Machines by type: ``L``, ``N`` and ``T`` of the mathematics."""

    layers: int
    count: dict[str, int]
    tokens_per_s: dict[str, tuple[float, ...]]

    @staticmethod
    def of(instance: ServingInstance) -> "Fleet":
        """Return the machines of an instance; a type is a group of nodes."""
        return Fleet(
            instance.model.num_layers,
            {group.name: group.count for group in instance.cluster.nodes},
            {name: performance.tokens_per_s for name, performance in instance.performance.items()},
        )

    @property
    def fits(self) -> bool:
        """Whether the machines can hold all layers between them."""
        return sum(count * len(self.tokens_per_s[kind]) for kind, count in self.count.items()) >= self.layers
