"""The instances made from Sailor's figures are what their names say."""

from pathlib import Path

import pytest

from milp_amp.bench.trials import read_trials
from milp_amp.bench.validation import price_trials
from milp_amp.cost.blocking import BlockingCost
from milp_amp.cost.network import measure
from milp_amp.cost.sailor import SailorCost
from milp_amp.problem.files import read

FAMILY = Path(__file__).parents[2] / "instances" / "sailor"

DEVICES = {
    "a100-32": {"A100-40": 32},
    "a100-80": {"A100-40": 80},
    "a100-128": {"A100-40": 128},
    "a100-v100-32-96": {"A100-40": 32, "V100-16": 96},
    "a100-v100-80-240": {"A100-40": 80, "V100-16": 240},
    "a100-v100-128-384": {"A100-40": 128, "V100-16": 384},
    "geo-5x32": {"A100-40": 5 * 32},
    "geo-5x80": {"A100-40": 5 * 80},
    "geo-5x128": {"A100-40": 5 * 128},
    "min-price": {"A100-40": 2 * 128, "V100-16": 2 * 128},
    "max-throughput": {"A100-40": 2 * 128, "V100-16": 2 * 128},
}

MEASURED = {
    "gh200-128": {"GH-96": 128},
    "rtx-mixed-48": {"RTX-3090": 8, "RTX-2080": 24, "Titan-RTX": 16},
}
"""Clusters that trials were measured on, for the cost model ``blocking``."""


def test_every_file_of_the_family_is_expected_here():
    assert {file.stem for file in FAMILY.glob("*.json")} == {*DEVICES, *MEASURED}


@pytest.mark.parametrize(("name", "devices"), [*DEVICES.items(), *MEASURED.items()])
def test_the_devices_are_as_many_as_the_name_says(name, devices):
    nodes = read(FAMILY / f"{name}.json").cluster.nodes
    found = {kind: sum(g.count * g.devices for g in nodes if g.device == kind) for kind in devices}
    assert found == devices
    assert {group.devices for group in nodes} == {8 if name == "rtx-mixed-48" else 4}


@pytest.mark.parametrize("name", DEVICES)
def test_every_pair_of_groups_has_a_curve_that_is_positive_from_a_hundredth_of_a_bucket_on(name):
    world = read(FAMILY / f"{name}.json")
    costs = SailorCost(world, measure(world.cluster))
    nodes = world.cluster.nodes
    seconds = [
        costs.transfer_seconds(5e6, v, w, n, k) for v in nodes for w in nodes for n in (1, 2, 4) for k in (1, 2, 4)
    ]
    assert max(seconds) < 5e6 / 0.2e9  # faster than 0.2 GB/s, even to another region


@pytest.mark.parametrize("name", DEVICES)
def test_what_is_divided_for_other_cost_models_agrees_with_what_was_measured(name):
    for layer in read(FAMILY / f"{name}.json").model.layers:
        for t in (1, 4):
            size = layer.measured_at(t)
            assert layer.given_activation_bytes(t) == pytest.approx(1e6 * size.stored_MB, rel=3e-3)


@pytest.mark.parametrize("name", MEASURED)
def test_measured_clusters_have_curves_between_all_types_and_times_at_the_degrees_of_their_trials(name):
    world = read(FAMILY / f"{name}.json")
    costs = BlockingCost(world, measure(world.cluster))
    seconds = [costs.transfer_seconds(5e6, v, w) for v in world.cluster.nodes for w in world.cluster.nodes]
    assert max(seconds) < 5e6 / 0.1e9  # the slowest type has 0.115 GB/s to others
    assert {trial.tensor_parallel for trial in read_trials(FAMILY / "trials" / f"{name}.csv")} <= {
        entry.tensor_parallel for entry in world.profile
    }


@pytest.mark.parametrize("name", MEASURED)
def test_every_trial_has_a_price_and_is_predicted_to_fit(name):
    world = read(FAMILY / f"{name}.json")
    for row in price_trials(world, read_trials(FAMILY / "trials" / f"{name}.csv"), "blocking"):
        assert row.violation == ""
        assert row.predicted is not None
        assert row.fits
