"""What charts say in place of figures: in words, asked again where that may help, and only there."""

import json

import pytest
from django.template.loader import get_template
from playwright.sync_api import expect

AGAIN = 5000
# What waits are begun from the start of the page on, in milliseconds.
WAITS = """
const begin = window.setTimeout;
window.waits = [];
window.setTimeout = (work, wait) => (window.waits.push(wait), begin(work, wait));
"""


def section():
    parts = get_template("metrics/figures.html").template.module.chart_body("Reading…")
    return f"""<section data-behaviour="charts" data-figures="/figures" data-plotly="/plotly.js">
      <form data-chooser><select name="pod"><option></option></select><select name="gpu"></select></form>
      <button data-action="reset" hidden></button><p data-part="note" role="status"></p>
      <div data-part="first"><section data-chart="cpu"><header><h2>CPU</h2><span data-part="time"></span>
      </header>{parts}</section></div><div data-part="more"></div></section>"""


@pytest.fixture
def charts(stage):
    """`charts(answer)` opens the tab whose figures are `answer`, and gives the page."""

    def opened(answer):
        one = stage("", answers={"/plotly.js": "", "/figures": answer, "/tab": ""})
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
