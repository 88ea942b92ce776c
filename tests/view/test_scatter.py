"""A picture of predictions: axes that end at round numbers, and the same bytes for the same points."""

import matplotlib as mpl
import pytest

from milp_amp.view.scatter import Points, draw, limits

POINTS = Points(
    measured=[1.0, 2.0, 4.0], predicted=[1.1, 1.5, 4.0], tensor_parallel=[1, 2, 2], fits=[True, False, True]
)


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        ([0.3, 4.0], (0.2, 5)),
        ([1.0], (0.5, 2)),
        ([0.2, 0.5], (0.1, 1)),
        ([0.00007, 30_000], (0.00005, 50_000)),
    ],
)
def test_an_axis_ends_at_the_closest_round_numbers_around_all_seconds(values, ends):
    assert limits(values) == ends


def test_points_are_told_apart_by_tensor_degree_and_by_whether_they_fit():
    assert POINTS.of(1, True) == ([1.0], [1.1])
    assert POINTS.of(2, True) == ([4.0], [4.0])
    assert POINTS.of(2, False) == ([2.0], [1.5])
    assert POINTS.of(1, False) == ([], [])


@pytest.mark.parametrize(("form", "start"), [("svg", b"<?xml"), ("png", b"\x89PNG\r\n"), ("pdf", b"%PDF")])
def test_the_settings_of_the_user_do_not_change_a_byte(form, start):
    first = draw(POINTS, form, "title", "pipeline")
    with mpl.rc_context({"font.size": 30, "lines.linewidth": 9, "text.color": "red"}):
        second = draw(POINTS, form, "title", "pipeline")
        assert mpl.rcParams["font.size"] == 30
    assert first.startswith(start)
    assert first == second


def test_a_picture_says_what_its_markers_mean():
    text = draw(POINTS, "svg", "mean error 12 %", "blocking").decode()
    for words in ("mean error 12 %", "predicted by blocking", "tensor degree 1", "tensor degree 2", "not to fit"):
        assert words in text
    assert "tensor degree 4" not in text


def test_where_all_fit_no_marker_is_hollow():
    fitting = Points(measured=[1.0], predicted=[2.0], tensor_parallel=[1], fits=[True])
    assert "not to fit" not in draw(fitting, "svg", "title", "pipeline").decode()
