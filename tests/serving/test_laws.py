"""Laws of the best flow, whatever the cluster: what adds to it, what scales it, what leaves it as it is."""

import msgspec
import pytest

from milp_amp.bounds.serving import flow_bounds
from milp_amp.problem.cluster import Link
from milp_amp.problem.serving import Performance
from milp_amp.solving.serving import solve_serving
from tests.serving.worlds import draw, draw_wide, serving

WORLDS = pytest.mark.parametrize(
    "world",
    [*(draw(seed) for seed in range(12)), *(draw_wide(seed) for seed in range(12))],
    ids=[*(f"small-{seed}" for seed in range(12)), *(f"wide-{seed}" for seed in range(12))],
)
PARTIAL = pytest.mark.parametrize("partial", [False, True], ids=["whole", "partial"])
NO_LESS = 1 - 1e-6


def most(world, partial=False):
    """The best flow, proved; zero where nothing is carried."""
    result = solve_serving(world, "serving_flow", threads=1, partial_inference=partial)
    assert result.status.value in ("optimal", "infeasible")
    return result.objective or 0.0


def with_cluster(world, **changes):
    return msgspec.structs.replace(world, cluster=msgspec.structs.replace(world.cluster, **changes))


def with_links_times(world, factor, only=None):
    links = tuple(
        msgspec.structs.replace(link, bandwidth_GBps=link.bandwidth_GBps * (factor if only in (None, k) else 1))
        for k, link in enumerate(world.cluster.links)
    )
    return with_cluster(world, links=links)


@PARTIAL
@WORLDS
def test_one_machine_more_never_carries_less(world, partial):
    before = most(world, partial)
    for k, group in enumerate(world.cluster.nodes):
        nodes = list(world.cluster.nodes)
        nodes[k] = msgspec.structs.replace(group, count=group.count + 1)
        assert most(with_cluster(world, nodes=tuple(nodes)), partial) >= before * NO_LESS


@PARTIAL
@WORLDS
def test_twice_the_bandwidth_of_a_link_never_carries_less(world, partial):
    before = most(world, partial)
    for k in range(len(world.cluster.links)):
        assert most(with_links_times(world, 2, only=k), partial) >= before * NO_LESS


@PARTIAL
@WORLDS
def test_twice_of_everything_is_twice_the_flow(world, partial):
    performance = {
        name: Performance(tokens_per_s=tuple(2 * tokens for tokens in each.tokens_per_s))
        for name, each in world.performance.items()
    }
    twice = msgspec.structs.replace(
        with_links_times(world, 2), performance=performance, coordinator_GBps=2 * world.coordinator_GBps
    )
    assert most(twice, partial) == pytest.approx(2 * most(world, partial), rel=1e-6)


@WORLDS
def test_partial_inference_never_carries_less(world):
    assert most(world, partial=True) >= most(world) * NO_LESS


@PARTIAL
@pytest.mark.parametrize("seed", range(12))
def test_equal_machines_carry_the_same_under_one_name_and_under_two(seed, partial):
    drawn = draw_wide(seed)

    def on_slow_links(groups):
        links = [Link(source=name, target="switch", bandwidth_GBps=9e-3) for name in groups]
        return serving(groups, drawn.model.num_layers, links=links, coordinator_GBps=drawn.coordinator_GBps)

    together = {
        group.name: (group.count + 1, drawn.performance[group.name].tokens_per_s) for group in drawn.cluster.nodes[:2]
    }
    count, tokens = together["a"]
    apart = together | {"a": (1, tokens), "twin of a": (count - 1, tokens)}
    assert most(on_slow_links(apart), partial) == pytest.approx(most(on_slow_links(together), partial), rel=1e-6)


@WORLDS
def test_names_and_order_of_types_do_not_matter(world):
    named = {group.name: f"type {group.name}" for group in world.cluster.nodes}
    nodes = [msgspec.structs.replace(group, name=named[group.name]) for group in reversed(world.cluster.nodes)]
    links = [
        msgspec.structs.replace(
            link, source=named.get(link.source, link.source), target=named.get(link.target, link.target)
        )
        for link in world.cluster.links
    ]
    cluster = msgspec.structs.replace(world.cluster, nodes=tuple(nodes), links=tuple(links))
    performance = {named[name]: each for name, each in world.performance.items()}
    renamed = msgspec.structs.replace(world, cluster=cluster, performance=performance)
    assert most(renamed) == pytest.approx(most(world), rel=1e-6)


@PARTIAL
@WORLDS
def test_what_is_found_is_no_more_than_the_best_and_the_best_no_more_than_any_bound(world, partial):
    found = solve_serving(world, "serving_stages", threads=1, partial_inference=partial).objective or 0.0
    best = most(world, partial)
    assert found * NO_LESS <= best
    for bound in flow_bounds(world):
        assert best <= bound.tokens_per_s * (1 + 1e-7)
