"""What charts say in place of figures, asked again only where that may help; what they say at the pointer."""

import json

import numpy as np
import pytest
from django.template.loader import get_template
from playwright.sync_api import expect

from metrics.charts import Chart, of_lines
from metrics.question import Grid
from metrics.series import Unit
from metrics.telling import json_answer, told_alone

AGAIN = 5000
# What waits are begun from the start of the page on, in milliseconds.
WAITS = """
const begin = window.setTimeout;
window.waits = [];
window.setTimeout = (work, wait) => (window.waits.push(wait), begin(work, wait));
"""
# Draws nothing: what a chart tells at the pointer is ours.
PLOTLY = "window.Plotly = { react: (plot) => { plot.on = () => {}; }, purge: () => {} };"


def section():
    parts = get_template("metrics/figures.html").template.module.chart_body("Reading…")
    return f"""<section data-behaviour="charts" data-figures="/figures" data-plotly="/plotly.js">
      <form data-chooser><select name="pod"><option></option></select><select name="gpu"></select></form>
      <button data-action="reset" hidden></button><p data-part="note" role="status"></p>
      <div data-part="first"><section data-chart="cpu"><header><h2>CPU</h2><span data-part="time"></span>
      </header>{parts}</section></div><div data-part="more"></div><template id="chart-card">
      <section class="card chart"><header><h2></h2><span data-part="time"></span></header>{parts}</section>
      </template></section>"""


@pytest.fixture
def charts(stage):
    """`charts(answer)` opens the tab whose figures are `answer`, and gives the page."""

    def opened(answer):
        one = stage(
            "",
            styles=("tokens", "base", "workload", "metrics"),
            answers={"/plotly.js": PLOTLY, "/figures": answer, "/tab": ""},
        )
        one.page.add_init_script(WAITS)
        one.answers["/tab"] = one.answers["/page"].replace(
            '<div id="announcer">', section() + '<div id="announcer">'
        )
        one.page.goto("http://runyard.test/tab")
        return one.page

    return opened


def test_an_address_that_is_wrong_is_told_once(charts):
    page = charts((404, json.dumps({"problem": "It has no such pod."})))
    expect(page.locator("[data-part=note]")).to_have_text("It has no such pod.")
    expect(page.locator(".plot-words")).to_have_text("It has no such pod.")
    assert AGAIN not in page.evaluate("waits")


def test_a_server_that_fails_is_told_and_asked_again(charts):
    page = charts((502, "<h1>Bad gateway</h1>"))
    expect(page.locator(".plot-words")).to_have_text("The figures cannot be read: the server answered 502.")
    page.wait_for_function(f"() => waits.includes({AGAIN})")


def test_who_is_signed_out_meanwhile_is_told_so(charts):
    page = charts("<h1>Sign in</h1>")
    expect(page.locator(".plot-words")).to_have_text("You are signed out. Reload the page to sign in again.")


def test_an_answer_that_broke_off_is_no_sign_out_and_is_asked_again(charts):
    page = charts((502, ""))
    cut = '{"charts": [{"key": "cpu", '
    page.route("**/figures?*", lambda route: route.fulfill(body=cut, content_type="application/json"))
    page.reload()
    expect(page.locator(".plot-words")).to_have_text("The server's answer broke off; it is asked again.")
    page.wait_for_function(f"() => waits.includes({AGAIN})")


STEP, FIRST, COUNT = 15, 1_800_000_000, 60


def figures(query):
    """The chart of each part; that of `more` begins a step later. Figures count the steps since the first."""
    key, late = ("memory", 1) if "part=more" in query else ("cpu", 0)
    values = np.arange(COUNT) + float(late)
    grid = Grid(FIRST + late * STEP, STEP, COUNT)
    chart = told_alone(of_lines(Chart(key, key, ()), grid, [("a", values)], Unit.CORES), grid)
    told = chart | {"since": "2027-01-15T08:00:00Z", "live": True, "gpus": [], "trouble": []}
    return json_answer(told).content.decode()


def at_the_pointer(page, key):
    card = page.locator(f"[data-chart={key}]")
    return card.locator(".legend b"), card.locator("[data-part=time]"), card.locator(".plot-at")


def test_charts_of_two_fetches_show_the_figures_of_one_moment(charts):
    """A step began between the first fetch and that of the others."""
    page = charts(figures)
    (cpu, at, _), (memory, same, _) = (at_the_pointer(page, key) for key in ("cpu", "memory"))
    expect(memory).to_have_text("60")
    for over in ("cpu", "memory"):
        page.locator(f"[data-chart={over}] .plot").hover(position={"x": 400, "y": 20})
        expect(cpu).not_to_have_text("59")
        expect(memory).to_have_text(cpu.inner_text())
        expect(same).to_have_text(at.inner_text())
        page.mouse.move(0, 0)
        expect(cpu).to_have_text("59")


def test_a_moment_that_a_chart_does_not_have_is_told_as_unknown(charts):
    page = charts(figures)
    (cpu, _, _), (memory, _, line) = (at_the_pointer(page, key) for key in ("cpu", "memory"))
    expect(memory).to_have_text("60")
    page.locator("[data-chart=cpu] .plot").focus()
    page.keyboard.press("Home")
    expect(cpu).to_have_text("0")
    expect(memory).to_have_text("–")
    expect(line).to_be_hidden()
    page.keyboard.press("ArrowRight")
    expect(cpu).to_have_text("1")
    expect(memory).to_have_text("1")
    expect(line).to_be_visible()
