"""How much memory a device keeps for itself."""

import pytest

from milp_amp.bench.validation import Priced
from milp_amp.calibration.memory import reserve_change
from milp_amp.units import GiB
from tests.calibration.worlds import trial


def peaks(*pairs):
    """Trials whose peak was measured and predicted, in GiB."""
    return [Priced(trial=trial(memory=found * GiB), predicted=1.0, memory=said * GiB) for found, said in pairs]


def outcomes(ran, failed):
    """Trials by what the tightest device is predicted to have left, in GiB: those that ran, and those that did not."""
    rows = [(headroom, 1.0) for headroom in ran] + [(headroom, None) for headroom in failed]
    return [Priced(trial=trial(measured=time), predicted=1.0, headroom=left * GiB) for left, time in rows]


def test_the_reserve_grows_by_the_median_of_what_is_missing():
    assert reserve_change(peaks((11, 10), (22, 20), (33, 30), (20, 10)), 0.0) == pytest.approx(2.5)


def test_the_reserve_shrinks_to_nothing_and_no_further():
    assert reserve_change(peaks(*[(6, 10)] * 4), 5.0) == pytest.approx(-4.0)
    assert reserve_change(peaks(*[(6, 10)] * 4), 1.5) == pytest.approx(-1.5)


def test_three_peaks_say_nothing():
    assert reserve_change(peaks(*[(11, 10)] * 3), 0.0) is None


def test_peaks_come_before_what_ran():
    rows = [*peaks(*[(11, 10)] * 4), *outcomes([5, 6, 7, 8], [0, 1, 2, 3])]
    assert reserve_change(rows, 0.0) == pytest.approx(1.0)


def test_the_reserve_lies_between_what_ran_and_what_did_not():
    assert reserve_change(outcomes([5, 6, 7, 8], [0, 1, 2, 3]), 0.0) == pytest.approx(4.0)


def test_the_reserve_shrinks_if_what_ran_is_predicted_not_to_fit():
    assert reserve_change(outcomes([-3, -2, 1, 2], [-9, -8, -7, -6]), 20.0) == pytest.approx(-4.5)


def test_the_reserve_calls_the_fewest_trials_wrong():
    """One that did not run has more left than some that did: between 3 and 5 only that one is called wrong."""
    assert reserve_change(outcomes([5, 6, 7, 8], [0, 1, 2, 3, 6.5]), 0.0) == pytest.approx(4.0)


def test_of_reserves_that_are_equally_wrong_it_is_the_middle_one():
    """3.5, 4.75 and 5.75 call two trials wrong each."""
    assert reserve_change(outcomes([4, 5, 6, 7, 8], [0, 1, 2, 3, 4.5, 5.5]), 0.0) == pytest.approx(4.75)


@pytest.mark.parametrize(("ran", "failed"), [([5, 6, 7], [0, 1, 2, 3]), ([5, 6, 7, 8], [0, 1, 2]), ([], [])])
def test_three_of_a_kind_say_nothing(ran, failed):
    assert reserve_change(outcomes(ran, failed), 0.0) is None
