"""The whole question."""

from typing import Annotated, Any, Literal

import msgspec

from milp_amp.errors import InputError
from milp_amp.problem.calibration import Calibration
from milp_amp.problem.cluster import Cluster
from milp_amp.problem.counted import Counted
from milp_amp.problem.model import Model
from milp_amp.problem.objective import Objective
from milp_amp.problem.profile import LayerTimes
from milp_amp.problem.restrictions import Restrictions
from milp_amp.problem.types import Title
from milp_amp.problem.workload import Workload


class Instance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model to train on a cluster, with what is known about their speed.

    Every mistake that can be seen without solving raises ``ValueError`` here, and so cannot
    enter the package by any door.

    Attributes
    ----------
    counted
        What the profile was counted from, where it was not measured.
    calibration
        What was fitted to measured trials; the other fields have it in them.
    """

    schema_version: Literal[1]
    name: Title
    source: str
    model: Model
    cluster: Cluster
    profile: Annotated[tuple[LayerTimes, ...], msgspec.Meta(min_length=1)]
    workload: Workload
    restrictions: Restrictions = Restrictions()
    objective: Objective = Objective()
    counted: Counted | None = None
    calibration: Calibration | None = None

    def __post_init__(self) -> None:
        self._check_profile()
        self._check_restrictions()
        if self.objective.asks_price and not self.cluster.has_prices:
            raise ValueError("objective: asks for a price, expected a price_per_hour or a price_per_GB in the cluster")

    def _check_profile(self) -> None:
        """Refuse times of unknown devices, of too many layers, or for the same thing twice."""
        seen = set()
        for position, times in enumerate(self.profile):
            where = f"profile[{position}]"
            if times.device not in self.cluster.device_types:
                raise ValueError(
                    f"{where}.device: {times.device!r} is unknown, "
                    f"expected one of {', '.join(self.cluster.device_types)}"
                )
            for field in ("forward_ms", "backward_ms", "update_ms"):
                values = getattr(times, field)
                if values is not None and len(values) != self.model.num_layers:
                    raise ValueError(
                        f"{where}.{field}: {len(values)} values, expected {self.model.num_layers} (one per layer)"
                    )
            key = (times.device, times.tensor_parallel, times.microbatch_size)
            if key in seen:
                raise ValueError(
                    f"{where}: device, tensor_parallel and microbatch_size {key} stand twice, expected once"
                )
            seen.add(key)
            if sum(times.forward_ms) <= 0:
                raise ValueError(f"{where}.forward_ms: all zero, expected measured milliseconds")

    def _check_restrictions(self) -> None:
        """Refuse restrictions on layers or nodes that are not there."""
        layers = self.model.num_layers
        for field, (start, stop) in self.restrictions.layer_intervals():
            if not start < stop <= layers:
                raise ValueError(
                    f"restrictions.{field}: [{start}, {stop}], expected start < stop <= {layers} (the model's layers)"
                )
        known = {group.name for group in self.cluster.nodes}
        for field, name in self.restrictions.named_nodes():
            if name not in known and name not in self.cluster.host_of_name:
                raise ValueError(f"restrictions.{field}: {name!r} is unknown, expected a node or a group of nodes")

    def restricted(self, *texts: str) -> "Instance":
        """Return the same question with more restrictions, such as ``"tensor_parallel<=4"``.

        Raises
        ------
        InputError
            If one of them cannot be read, or names a layer or node that is not there.
        """
        restrictions = self.restrictions.merged(Restrictions.parse(texts))
        try:
            return msgspec.structs.replace(self, restrictions=restrictions)
        except ValueError as failure:
            raise InputError(str(failure)) from None

    def asked(self, **objective: Any) -> "Instance":
        """Return the same question with other fields of the objective.

        Raises
        ------
        InputError
            If it asks for a price where nothing has one.
        """
        try:
            return msgspec.structs.replace(self, objective=msgspec.structs.replace(self.objective, **objective))
        except ValueError as failure:
            raise InputError(str(failure)) from None
