"""Which formulation ``auto`` asks about serving."""

from collections.abc import Sequence

from milp_amp.bounds.serving import FlowBound
from milp_amp.cost.network import measure
from milp_amp.problem.serving import ServingInstance
from milp_amp.space.sites import sites_of

ANYWHERE, SITE_BY_SITE = "serving_stages", "serving_sites"


def choose(instance: ServingInstance, bounds: Sequence[FlowBound]) -> str:
    """Return ``serving_sites`` where links can limit what sites exchange, else ``serving_stages``.

    ``serving_stages`` takes machines for each stage from wherever they are: that costs nothing where every link carries
    what a machine at one of its ends does at best, or more than any placement does at all.
    """
    most = min(bound.tokens_per_s for bound in bounds)
    sites = sites_of(instance, measure(instance.cluster), most)
    return SITE_BY_SITE if len(sites.groups) > 1 else ANYWHERE
