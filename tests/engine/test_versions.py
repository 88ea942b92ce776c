"""Which packages took part in a run."""

from importlib.metadata import version

from milp_amp.engine.versions import versions


def test_this_package_and_those_named_have_versions():
    assert versions("pulp") == {"milp-amp": version("milp-amp"), "pulp": version("pulp")}


def test_a_package_that_is_absent_is_left_out():
    assert list(versions("no-such-package", "numpy")) == ["milp-amp", "numpy"]
