"""``--minimise`` and the limits of time and price, as scripts see them."""

import json

import pytest

from milp_amp.cli import main
from tests.cli.worlds import TINY, documents, tiny

INFEASIBLE, BAD_INPUT = 11, 20


@pytest.fixture
def priced(tmp_path):
    """The tiny instance with prices, asking for the least one."""
    document = tiny() | {"objective": {"minimise": "price"}}
    for number, kind in enumerate(document["cluster"]["device_types"].values()):
        kind["price_per_hour"] = 3600.0 * (number + 1)
    file = tmp_path / "instance.json"
    file.write_text(json.dumps(document))
    return str(file)


def solved(capsys, *arguments):
    code = main(["solve", *arguments, "--format", "json"])
    (result,) = documents(capsys.readouterr().out)
    return code, result["objective"]


def test_an_option_overrides_what_the_instance_asks_for(priced, capsys):
    least_price = solved(capsys, priced)
    assert least_price == solved(capsys, priced, "--minimise", "price")
    assert solved(capsys, priced, "--minimise", "step_time") == solved(capsys, str(TINY))


def test_limits_may_be_met_or_not(priced, capsys):
    (_, price), (_, seconds) = solved(capsys, priced), solved(capsys, str(TINY))
    assert solved(capsys, priced, "--most-price-per-step", f"{price * 1.001}") == (0, pytest.approx(price))
    assert solved(capsys, priced, "--most-price-per-step", f"{price * 0.999}") == (INFEASIBLE, None)
    fast_enough = ["--minimise", "step_time", "--least-steps-per-second", f"{0.999 / seconds}"]
    assert solved(capsys, priced, *fast_enough) == (0, pytest.approx(seconds))
    assert solved(capsys, priced, "--least-steps-per-second", f"{1.001 / seconds}") == (INFEASIBLE, None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--minimise", "price"], "objective: asks for a price, expected a price_per_hour or a price_per_GB"),
        (["--minimise", "gold"], "expected one of|invalid choice: 'gold'"),
        (["--least-steps-per-second", "0"], "'0', expected a number > 0"),
        (["--least-steps-per-second", "nan"], "'nan', expected a number"),
        (["--most-price-per-step", "-1"], "'-1', expected a number >= 0"),
        (["--most-price-per-step", "inf"], "'inf', expected a number >= 0"),
    ],
)
def test_what_makes_no_sense_is_bad_input_in_one_line(arguments, message, capsys):
    assert main(["solve", str(TINY), *arguments]) == BAD_INPUT
    printed = capsys.readouterr().err
    assert any(part in printed for part in message.split("|"))
    assert printed.count("\n") == 1
