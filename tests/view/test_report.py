"""The page: alone, escaped, small, and honest about what the judge finds."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from importlib.resources import files
from itertools import islice
from pathlib import Path

import msgspec
import pytest

from milp_amp.problem.files import read
from milp_amp.problem.instance import Instance
from milp_amp.view.report.build import MOST_BYTES, build
from milp_amp.view.report.markup import Markup, element, table
from tests.cli.worlds import LIBRARY
from tests.view.plans import instance, judged

HOSTILE = "<script>alert(1)</script>\"'&"
VOID = {"meta", "link"}


class Page(HTMLParser):
    """A page taken apart: that every element is closed, and what its attributes are."""

    def __init__(self, content):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], []
        self.feed(content.decode())
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def page(*entries):
    found = Page(build(entries).content)
    assert found.open == []
    return found


def test_a_page_has_every_figure_and_the_plan():
    found = page(("a.json", judged()))
    assert found.tags.count("svg") == 5
    for words in ("One training step of replica 0, simulated", "The plan as a table", "f.0/0-1", "combined"):
        assert words in found.text


def test_a_page_asks_no_host_for_anything():
    content = build([("a.json", judged())]).content.decode()
    assert not re.search(r"https?://", content)
    loading = {"src", "href", "action", "srcset", "poster", "data"}
    assert [(name, value) for name, value in Page(content.encode()).attributes if name in loading] == [
        ("href", "data:,")
    ]
    assert "default-src 'none'" in content


def test_a_page_fits_a_phone_and_both_grounds():
    content = build([("a.json", judged())]).content.decode()
    assert "width=device-width" in content
    assert "prefers-color-scheme" in content


def test_hostile_names_are_words():
    world = instance(name=HOSTILE, model=msgspec.structs.replace(instance().model, name=HOSTILE))
    entry = judged(world, instance=HOSTILE, formulation=HOSTILE, notes=[HOSTILE], versions={HOSTILE: HOSTILE})
    content = build([(HOSTILE, entry)]).content
    assert b"<script>alert" not in content
    found = Page(content)
    assert found.tags.count("script") == 1
    assert found.text.count(HOSTILE) >= 4
    assert not [name for name, _ in found.attributes if name.startswith("on")]


def test_text_and_attributes_are_escaped_and_markup_is_not():
    assert element("p", "<b>", Markup("<i></i>"), title='"').text == '<p title="&quot;">&lt;b&gt;<i></i></p>'
    assert "&lt;td&gt;" in table(("<td>",), []).text


def test_results_stand_side_by_side_and_the_baseline_is_the_measure():
    found = page(("a.json", judged()), ("b.json", judged(formulation="amp_dp")))
    assert "of amp_dp" in found.text
    assert found.text.count("1.0000") == 2


def test_without_the_baseline_there_is_no_measure():
    assert "of amp_dp" not in page(("a.json", judged())).text


def test_a_claim_that_the_judge_does_not_confirm_is_said():
    report = build([("a.json", judged(objective=0.01))])
    assert len(report.unconfirmed) == 1
    assert b"claimed 0.01 s, recomputed" in report.content


def test_a_claimed_price_is_confirmed_as_one():
    document = msgspec.to_builtins(instance())
    for kind in document["cluster"]["device_types"].values():
        kind["price_per_hour"] = 3600.0
    world = msgspec.convert(document, type=Instance)
    price = 4 * judged(world).evaluation.step_time  # a dollar per second for each of four devices
    report = build([("a.json", judged(world, objective=price))])
    assert report.unconfirmed == ()
    assert f"${price:.4g}" in report.content.decode()


def test_a_plan_that_breaks_a_rule_is_shown_with_it():
    document = msgspec.to_builtins(instance())
    document["cluster"]["device_types"]["slow"]["memory_GiB"] = 0.001
    report = build([("a.json", judged(msgspec.convert(document, type=Instance)))])
    assert "needs" in report.violations[0]
    assert b'class="warning"' in report.content


def test_a_result_without_a_plan_has_its_bound_and_the_cluster():
    entry = judged(status="unknown", objective=None, strategy=None)
    found = page(("a.json", entry))
    assert found.tags.count("svg") == 2


@pytest.mark.parametrize(("stages", "replicas", "figure"), [(64, 32, "too many to be drawn"), (512, 4, "No timeline")])
def test_a_plan_for_thousands_of_devices_makes_a_small_page(stages, replicas, figure):
    world = read(LIBRARY / "synthetic" / "three-types-16384.json")
    node = iter(host for host in world.cluster.hosts)
    plan = {
        "microbatch_size": 1,
        "data_parallel": replicas,
        "stages": [
            {
                "layers": [s * 512 // stages, (s + 1) * 512 // stages],
                "tensor_parallel": 8,
                "replicas": [[host.device(k) for k in range(8)] for host in islice(node, replicas)],
            }
            for s in range(stages)
        ],
    }
    content = build([("a.json", judged(world, instance=world.name, strategy=plan))]).content
    assert len(content) < MOST_BYTES
    assert figure in content.decode()


def test_dozens_of_results_still_make_a_small_page():
    content = build([(f"{number}.json", judged()) for number in range(60)]).content
    assert len(content) < MOST_BYTES


@pytest.mark.skipif(shutil.which("node") is None, reason="no node to read the script")
def test_the_script_is_a_script(tmp_path):
    script = tmp_path / "page.js"
    script.write_text(files("milp_amp.view.report").joinpath("page.js").read_text("utf-8"))
    subprocess.run(["node", "--check", str(script)], check=True, timeout=60)


def test_style_and_script_travel_with_the_package():
    folder = Path(str(files("milp_amp.view.report")))
    assert {path.name for path in folder.iterdir()} >= {"page.css", "page.js"}
