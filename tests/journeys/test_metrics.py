"""The Metrics tab in a browser: what a process uses is drawn, live; one range for charts, events and log."""

import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.journeys.browser import NARROW, Session, assert_accessible, assert_no_sideways_scroll
from tests.journeys.pages import LATER, python, until
from tests.product import Api

BUSY = """
import time
kept = bytearray(48 * 2**20)
while True:
    ends = time.monotonic() + 0.05
    while time.monotonic() < ends: pass
    print("still here", flush=True)
    time.sleep(0.2)
"""
DRAWN = """(key) => {
  const lines = document.querySelector(`[data-chart=${key}] .plot`)?.data;
  return (lines?.[0].y ?? []).filter((y) => y !== null);
}"""
# How much the page moved while it loaded, by itself.
SHIFTED = """() => new Promise((done) => {
  let sum = 0;
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) if (!one.hadRecentInput) sum += one.value;
  }).observe({ type: "layout-shift", buffered: true });
  setTimeout(() => done(sum), 500);
})"""


@pytest.fixture(scope="module")
def busy(api: Api) -> int:
    """A training that works a fifth of the time and holds 48 MiB; ended with the product."""
    pk = api.submit("busy", python(BUSY), cpu="500m", memory="256Mi")
    api.wait(pk, "Running")
    return pk


def known(page: Page, chart: str) -> list[float]:
    """The values that are drawn of the first line."""
    return page.evaluate(DRAWN, chart)


def measured(api: Api, busy: int) -> int:
    """How many figures of its CPU there are."""
    told = api.call("GET", f"/workloads/{busy}/metrics?metric=cpu").json()
    return sum(value is not None for one in told["series"] for value in one["values"])


def drawn(page: Page, busy: int, query: str = "?from=15m") -> None:
    """Open the tab, and wait for its chart."""
    page.goto(f"/workloads/{busy}/metrics{query}")
    expect(page.locator("[data-chart=cpu] .main-svg").first).to_be_visible(timeout=LATER)


def test_cpu_and_memory_of_a_real_process_are_drawn(signed_in: Page, busy: int, api: Api) -> None:
    api.insist(lambda: measured(api, busy) >= 2, 120, "to be measured")
    drawn(signed_in, busy)
    assert 0 < max(known(signed_in, "cpu")) < 4
    assert max(known(signed_in, "memory")) > 48
    legend = signed_in.locator("[data-chart=memory] .legend")
    expect(legend).to_contain_text("request and limit 256 MiB")
    expect(signed_in.locator(".metric-none")).to_have_text(
        "No GPU compute and GPU memory: it asks for no GPU."
    )
    expect(signed_in.locator("[data-chart=cpu] header")).to_have_attribute(
        "title", re.compile("From kubelet of node .* old")
    )
    signed_in.locator("[data-chart=cpu] summary").click()
    expect(signed_in.locator("[data-chart=cpu] tbody tr")).to_have_count(1)
    assert_accessible(signed_in)
    assert signed_in.evaluate(SHIFTED) < 0.01
    signed_in.set_viewport_size(NARROW)
    assert_no_sideways_scroll(signed_in)


def test_figures_are_appended_while_the_range_ends_now(signed_in: Page, busy: int) -> None:
    drawn(signed_in, busy)
    before = len(known(signed_in, "cpu"))
    until(signed_in, lambda: len(known(signed_in, "cpu")) > before)


def test_the_pointer_and_the_keyboard_show_a_moment_in_all_charts(signed_in: Page, busy: int) -> None:
    drawn(signed_in, busy)
    plot = signed_in.locator("[data-chart=cpu] .plot")
    times = [signed_in.locator(f"[data-chart={key}] [data-part=time]") for key in ("cpu", "memory")]
    plot.hover(position={"x": 300, "y": 80})
    expect(times[0]).not_to_be_empty()
    expect(times[1]).to_have_text(times[0].inner_text())
    plot.focus()
    signed_in.keyboard.press("Home")
    first = re.compile(r"\d\d:\d\d:\d\d")
    expect(times[1]).to_have_text(first)
    was = times[1].inner_text()
    signed_in.keyboard.press("ArrowRight")
    expect(times[1]).not_to_have_text(was)


def drag(page: Page) -> None:
    """Across a part of the chart of CPU; returns when the address has its range."""
    box = page.locator("[data-chart=cpu] .plot").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + 80)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.95, box["y"] + 80, steps=10)
    page.mouse.up()
    page.wait_for_url(re.compile(r"from=\d{4}-.*to=\d{4}-"))


def test_a_drag_sets_one_range_for_charts_events_and_log(signed_in: Page, busy: int) -> None:
    drawn(signed_in, busy)
    drag(signed_in)
    expect(signed_in.get_by_role("button", name="Reset zoom")).to_be_visible()
    since = re.search(r"from=([^&]+)", signed_in.url)[1]
    for tab in ("Event history", "Logs"):
        expect(signed_in.locator(".tabs").get_by_role("link", name=tab)).to_have_attribute(
            "href", re.compile(f"from={re.escape(since)}"), timeout=LATER
        )
    signed_in.locator(".tabs").get_by_role("link", name="Event history").click()
    expect(signed_in.locator(".fold-note")).to_contain_text("the range of the charts")
    signed_in.go_back()
    signed_in.get_by_role("button", name="Reset zoom").click()
    signed_in.wait_for_url(re.compile(r"/metrics$"))
    expect(signed_in.get_by_role("button", name="Reset zoom")).to_be_hidden()
    signed_in.get_by_role("link", name="6 h", exact=True).click()
    signed_in.wait_for_url("**/metrics?from=6h")


def test_the_preset_of_what_has_ended_stays_marked(signed_in: Page, api: Api) -> None:
    pk = api.submit("soon-over", "true")
    api.wait(pk, "Completed")
    signed_in.goto(f"/workloads/{pk}/metrics")
    chosen = signed_in.get_by_role("link", name="15 min", exact=True)
    chosen.click()
    signed_in.wait_for_url(re.compile(r"from=\d{4}-.*to=\d{4}-"))
    expect(chosen).to_have_attribute("aria-current", "true")
    signed_in.reload()
    expect(signed_in.get_by_role("button", name="Reset zoom")).to_be_visible()
    expect(chosen).to_have_attribute("aria-current", "true")


def test_links_have_the_range_before_the_page_is_fetched_again(signed_in: Page, busy: int) -> None:
    """The fetch of live-page.js is held up: it waits behind the figures where a server has much to do."""
    drawn(signed_in, busy)
    refetched = {"x-runyard-refresh": "1"}
    signed_in.route(
        f"**/workloads/{busy}/metrics*",
        lambda route: None if route.request.headers.items() >= refetched.items() else route.continue_(),
    )
    logs, events = (
        signed_in.locator(".tabs").get_by_role("link", name=name) for name in ("Logs", "Event history")
    )
    signed_in.get_by_role("link", name="1 h", exact=True).click()
    expect(events).to_have_attribute("href", f"/workloads/{busy}/events?from=1h")
    expect(logs).to_have_attribute("href", f"/workloads/{busy}/logs?from=1h")
    drag(signed_in)
    since, until_ = re.search(r"from=([^&]+)&to=([^&]+)", signed_in.url).groups()
    expect(events).to_have_attribute("href", f"/workloads/{busy}/events?from={since}&to={until_}")
    expect(logs).to_have_attribute("href", f"/workloads/{busy}/logs?at={since}&from={since}&to={until_}")
    expect(signed_in.locator("a[data-range][aria-current]")).to_have_count(0)
    signed_in.get_by_role("button", name="Reset zoom").click()
    expect(events).to_have_attribute("href", f"/workloads/{busy}/events")
    signed_in.unroute_all(behavior="ignoreErrors")


def test_of_what_asks_for_no_gpu_and_has_one_it_is_not_said_that_it_has_none(
    signed_in: Page, busy: int
) -> None:
    """No GPU is here: the figures of its CPU stand for those that a source may have."""

    def told(route: Route) -> None:
        answer = route.fetch(url=route.request.url.replace("part=more", "part=first"))
        [cpu] = [one for one in answer.json()["charts"] if one["key"] == "cpu"]
        gpu = cpu | {"key": "gpu_compute", "title": "GPU compute"}
        route.fulfill(response=answer, json=answer.json() | {"charts": [gpu]})

    signed_in.route("**/figures?*part=more*", told)
    drawn(signed_in, busy)
    expect(signed_in.locator("[data-chart=gpu_compute] .main-svg").first).to_be_visible(timeout=LATER)
    expect(signed_in.locator(".metric-none")).to_have_count(0)
    signed_in.unroute_all(behavior="ignoreErrors")


def test_a_tab_whose_address_was_wrong_shows_its_charts_once_it_is_right(
    signed_in: Page, busy: int, session: Session
) -> None:
    """As that of a range that began in the future is when its time has come: nobody waits for that here."""
    signed_in.goto(f"/workloads/{busy}/metrics?from=2099-01-01")
    expect(signed_in.get_by_role("alert")).to_contain_text("The range begins in the future")
    signed_in.evaluate("history.replaceState(null, '', '?from=15m')")
    expect(signed_in.locator("[data-chart=cpu] .main-svg").first).to_be_visible(timeout=LATER)
    expect(signed_in.get_by_role("alert")).to_have_count(0)
    session.forgive(re.compile("status of 400"))


def test_a_click_takes_the_log_to_that_time(signed_in: Page, busy: int) -> None:
    drawn(signed_in, busy)
    box = signed_in.locator("[data-chart=cpu] .plot").bounding_box()
    assert box
    signed_in.mouse.click(box["x"] + box["width"] - 20, box["y"] + 80)
    signed_in.wait_for_url(re.compile(r"/logs\?at=\d{4}-\d\d-\d\dT\d\d%3A\d\d%3A\d\dZ"))
    expect(signed_in.locator("section.log")).to_contain_text("still here", timeout=LATER)


def test_what_has_ended_keeps_its_figures(signed_in: Page, busy: int, api: Api) -> None:
    api.delete(busy)
    api.insist(lambda: api.read(busy)["deleted_at"], 120, "it to be gone")
    drawn(signed_in, busy, "")
    assert known(signed_in, "cpu")
    expect(signed_in.locator(".metric-note")).to_contain_text("It ended")
    expect(signed_in.get_by_role("link", name="Since start")).to_have_attribute("aria-current", "true")


def test_the_overview_sums_up_what_the_machine_does(signed_in: Page) -> None:
    signed_in.get_by_role("navigation", name="Pages").get_by_role("link", name="Overview").click()
    expect(signed_in.get_by_role("heading", name="Overview")).to_be_visible()
    expect(signed_in.locator(".tile").filter(has_text="Memory")).to_contain_text("GiB")
    chart = signed_in.locator(".chart")
    words, lines = chart.locator(".plot-words"), chart.locator(".main-svg").first
    expect(words.filter(has_text="Nothing was noted yet").or_(lines)).to_be_visible(timeout=LATER)
    assert_accessible(signed_in)
    signed_in.set_viewport_size(NARROW)
    assert_no_sideways_scroll(signed_in)
