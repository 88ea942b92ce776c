"""The page in a real browser, where there is one: it opens, shows its figures, and neither complains nor asks."""

import shutil

import pytest

from milp_amp.view.report.build import build
from tests.view.plans import judged

playwright = pytest.importorskip("playwright.sync_api")

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no browser is installed")


class Visit:
    """A page that was opened, and what it said and asked for."""

    def __init__(self, page, path):
        self.page, self.said, self.asked = page, [], []
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda failure: self.said.append(str(failure)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(path.as_uri())


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as control:
        opened = control.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(params=[(1280, "light"), (390, "dark")], ids=["desk", "phone"])
def visit(request, browser, tmp_path):
    width, scheme = request.param
    path = tmp_path / "report.html"
    path.write_bytes(build([("a.json", judged()), ("b.json", judged(formulation="amp_dp"))]).content)
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    yield Visit(page, path)
    page.close()


def test_it_shows_its_figures_says_nothing_and_asks_only_for_itself(visit):
    boxes = [figure.bounding_box() for figure in visit.page.locator("figure svg").all()]
    assert len(boxes) == 10
    assert all(box["width"] > 300 and box["height"] > 40 for box in boxes)
    assert visit.said == []
    assert len(visit.asked) == 1


def test_only_figures_and_tables_are_wider_than_the_window(visit):
    assert visit.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_pointing_at_a_pass_says_what_it_is(visit):
    visit.page.locator("figure.timeline rect.backward").first.hover()
    assert visit.page.locator("#hint").inner_text().startswith("stage 1: backward pass of microbatch 0")
    assert visit.said == []


def test_a_figure_can_be_enlarged_and_shown_whole_again(visit):
    figure = visit.page.locator("figure.timeline").first
    drawing = figure.locator("svg")
    before = drawing.bounding_box()["width"]
    figure.locator("[data-zoom=in]").click()
    canvas = figure.locator(".canvas").bounding_box()["width"]
    assert drawing.bounding_box()["width"] == pytest.approx(2 * canvas, rel=0.01)
    figure.locator("[data-zoom=whole]").click()
    assert drawing.bounding_box()["width"] == before
