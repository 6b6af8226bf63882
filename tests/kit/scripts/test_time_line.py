"""The time line in a browser: pointing tells a part's times, arrow keys go along, news keeps the place."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from django.template.loader import render_to_string
from playwright.sync_api import expect

from runyard.kit.pages import duration
from workloads import timeline
from workloads.timeline import Part, PodLine, TimeLine

START = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def at(minutes):
    return START + timedelta(minutes=minutes)


PARTS = [
    Part("Queued", at(0), at(10), x=0, width=250),
    Part("Pulling", at(10), at(11), x=250, width=250),
    Part("Running", at(11), at(60), going=True, x=500, width=500),
]


def life(parts, pods=()):
    return render_to_string("workloads/time_line.html", {"line": TimeLine(parts, pods)})


def body(parts):
    page = f'<span class="now"></span>{life(parts)}'
    return f'<main><div data-behaviour="live-page" data-topic="workload:7">{page}</div></main>'


@pytest.fixture
def line(stage):
    opened = stage(body(PARTS), styles=("tokens", "base", "workload", "overview"))
    opened.page.evaluate("window.htmx = { process() {} }")
    return opened


def told(line, words):
    line.wait_for("words => document.querySelector('[data-part]').textContent.includes(words)", words)


def focused(line):
    return line.page.evaluate("document.activeElement.dataset.name")


def test_pointing_at_a_part_tells_its_times(line):
    line.page.locator("rect[data-name=Queued]").hover()
    told(line, "Queued 10 m: ")
    line.page.locator("rect[data-name=Running]").hover()
    told(line, "– now")
    line.page.locator("summary").hover()
    line.wait_for("document.querySelector('[data-part]').textContent === ''")


def test_one_tab_stop_and_arrow_keys_along_the_parts(line):
    assert line.page.locator("rect[tabindex='0']").count() == 1
    line.page.locator("rect[data-name=Running]").focus()
    told(line, "Running")
    line.page.keyboard.press("ArrowLeft")
    assert focused(line) == "Pulling"
    told(line, "Pulling 1 m 00 s")
    line.page.keyboard.press("Home")
    assert focused(line) == "Queued"
    line.page.keyboard.press("ArrowLeft")
    assert focused(line) == "Queued"
    line.page.keyboard.press("End")
    assert focused(line) == "Running"
    assert line.page.locator("rect[tabindex='0']").get_attribute("data-name") == "Running"


def test_news_redraws_the_line_and_leaves_the_focus_where_it_was(line):
    line.page.locator("rect[data-name=Running]").focus()
    line.page.locator("summary").click()
    line.page.locator("rect[data-name=Running]").focus()
    ended = [
        *PARTS[:2],
        replace(PARTS[2], until=at(50), going=False),
        Part("Stopped", at(50), at(60), going=True),
    ]
    line.answers["/page"] = f"<!doctype html><body>{body(ended)}</body>"
    line.say(topic="workload:7", hint=2)
    line.wait_for("document.querySelectorAll('#life-bar rect').length === 4")
    assert focused(line) == "Running"
    assert line.page.locator("details[open]").count() == 1
    assert line.page.locator("#life-table tbody tr").count() == 4


def until(now, parts):
    return [replace(part, until=now) if part.going else part for part in parts]


def placed(now):
    """The line and those of two pods, as the server draws them at `now`."""
    pods = (
        [Part("Queued", at(0), at(11)), Part("Running", at(11), at(0), going=True)],
        [Part("Running", at(20), at(50))],
    )
    parts, scale = timeline._placed(until(now, PARTS))
    lines = [timeline._on(scale, until(now, one)) for one in pods]
    names = [SimpleNamespace(pk=pk, name=f"redwood-{pk}", role="worker") for pk in range(2)]
    return parts, [PodLine(pod, line) for pod, line in zip(names, lines, strict=True)]


RECTS = """() => [...document.querySelectorAll("rect[data-name]")].map((one) =>
  ["x", "width"].map((name) => Math.round(10 * one.getAttribute(name))))"""
ALIKE = f"""expected => ({RECTS})().flat().every((drawn, i) => Math.abs(drawn - expected.flat()[i]) < 2)"""


@pytest.mark.parametrize("minutes", [65, 200, 3000])
def test_while_time_passes_the_bars_stay_those_that_the_server_would_draw(stage, minutes):
    line = stage(life(*placed(at(60))), styles=("tokens", "base", "workload", "overview"))
    parts, pods = placed(at(minutes))
    expected = [
        [round(10 * part.x), round(10 * max(part.width - 2, 3))]
        for one in (parts, *(pod.parts for pod in pods))
        for part in one
    ]
    assert line.page.evaluate(RECTS) != expected
    line.page.locator("#life-bar rect[data-name=Running]").hover()
    line.page.clock.set_fixed_time(at(minutes))
    line.wait_for(ALIKE, expected)
    lasted = duration(timedelta(minutes=minutes - 11))
    told(line, f"Running {lasted}: ")
    running = line.page.locator("#life-bar rect[data-name=Running]")
    expect(running).to_have_attribute("aria-label", f"Running, {lasted} so far, from 2026-11-22T10:11:00Z")
    expect(running.locator("title")).to_have_text(f"Running, {lasted} so far")
    assert "/page?" not in line.asked
