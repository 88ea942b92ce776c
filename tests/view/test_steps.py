"""Curves of steps are drawn the same, whoever draws them."""

from dataclasses import dataclass

import pytest

from milp_amp.view.steps import Panel, draw_steps

pytest.importorskip("matplotlib")


@dataclass
class Line:
    label: str
    edges: list[float]
    heights: list[float]


def panels(*curves: Line) -> list[Panel]:
    return [Panel(title="title", across="seconds", up="part", curves=curves)]


def test_the_same_curves_are_the_same_bytes():
    curve = Line("auto", [1.0, 2.0], [0.0, 1.0])
    assert draw_steps(panels(curve), "svg") == draw_steps(panels(curve), "svg")


def test_no_curve_at_all_is_a_picture_with_axes():
    assert b"<svg" in draw_steps(panels(), "svg")


def test_two_panels_stand_side_by_side():
    line = Line("auto", [1.0], [0.5])
    one, two = (draw_steps(panels(line) * count, "svg") for count in (1, 2))
    assert b'width="396pt"' in one
    assert b'width="792pt"' in two
