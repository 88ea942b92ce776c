"""Random worlds and plans for them: mixed device types, uneven stages, several replicas, slow and fast links."""

from hypothesis import strategies as st

from tests.builders import instance, strategy

milliseconds = st.integers(1, 50).map(float)
megabytes = st.integers(0, 40).map(float)


@st.composite
def worlds_and_plans(draw, schedules=("1f1b", "gpipe"), same_type=False):
    """A world with one device per stage and replica, and a plan that uses them all.

    ``same_type``: the replicas of a stage run on the same device type, so they are equally fast.
    """
    schedule = draw(st.sampled_from(schedules))
    stages, replicas = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    layers = stages + draw(st.integers(0, 3))
    cuts = [0, *sorted(draw(st.permutations(range(1, layers)))[: stages - 1]), layers]
    lists = st.lists(milliseconds, min_size=layers, max_size=layers)
    types = {(name, 1): draw(lists) for name in ("fast", "slow")}
    nodes = [
        (f"s{s}r{r}", 1, draw(st.sampled_from(["fast", "slow"])), 1) for s in range(stages) for r in range(replicas)
    ]
    if same_type:
        nodes = [(name, 1, nodes[position - position % replicas][2], 1) for position, (name, *_) in enumerate(nodes)]
    world = instance(
        types,
        nodes,
        backward_ms={key: draw(lists) for key in types},
        output_MB=draw(st.lists(megabytes, min_size=layers, max_size=layers)),
        gradient_MB=draw(megabytes),
        batch=replicas * draw(st.integers(1, 12)),
        schedule=schedule,
    )
    parts = [(cuts[s], cuts[s + 1], *(f"s{s}r{r}.0/0" for r in range(replicas))) for s in range(stages)]
    return world, strategy(*parts, schedule=schedule)
