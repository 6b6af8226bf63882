"""A table that is asked for faster than the server answers, with htmx itself: the last question counts."""

from pathlib import Path

import django_htmx
import pytest
from playwright.sync_api import expect

from tests.kit.scripts.test_live_table import HEAD, changed, row

HTMX = Path(django_htmx.__file__).parent / "static/django_htmx/htmx-2.min.js"
INHERITED = 'hx-boost="true" hx-target="#workloads" hx-select="#workloads" hx-swap="outerHTML"'


def section(said, typed="", columns="name,status", status="Pending"):
    """The section as templates/workloads/list.html draws it, as far as htmx and scripts look at it."""
    return (
        f'<div id="shell"><section id="workloads" {INHERITED} data-behaviour="last-asked">'
        f'<nav id="tally"><a href="?phase=Running">{said} running</a></nav>'
        '<form class="find" method="get" hx-get="/page" hx-push-url="true" hx-sync="this:queue last"'
        ' hx-trigger="submit, input changed delay:300ms from:find input[type=search]">'
        f'<input type="search" id="table-search" name="q" value="{typed}"></form>'
        '<button type="button" data-action="show-changes" hidden></button>'
        '<div class="grid" data-behaviour="live-table" data-rows-url="/rows" data-page-url="/rows-page"'
        f' data-topic="workloads">{HEAD.replace("<table>", f"<table data-columns={columns}>")}'
        f'<tbody data-before="" data-after="">{row(1, "w-1", status)}</tbody></table></div>'
        '<a href="?sort=name">by name</a></section></div>'
    )


class Held:
    """What the page asked for that waits for its answer; `asked` by htmx, or by our scripts."""

    def __init__(self, stage):
        self.stage, self.by_htmx, self.by_scripts = stage, [], []
        stage.page.route("**/page?*", self._keep)

    def _keep(self, route):
        (self.by_htmx if "hx-request" in route.request.headers else self.by_scripts).append(route)

    def until_asked(self, count):
        self.stage.until(lambda: len(self.by_htmx) >= count)

    def about(self, said):
        """What htmx asked for by an address that holds `said`."""
        return [route for route in self.by_htmx if said in route.request.url]

    def answer(self, route, html):
        route.fulfill(body=f"<!doctype html><html><body>{html}</body></html>", content_type="text/html")


@pytest.fixture
def table(stage):
    """The table, live, and whatever its page asks for from now on held back."""
    opened, errors = stage(section(0), styles=("tokens", "base", "table")), []
    opened.page.on("pageerror", lambda error: errors.append(error))
    opened.page.add_script_tag(path=HTMX)
    opened.until_fetched_again()
    opened.held = Held(opened)
    yield opened
    assert not errors


def test_what_is_typed_while_a_search_is_answered_is_not_taken_away(table):
    search = table.page.locator("#table-search")
    search.press_sequentially("lla")
    table.held.until_asked(1)
    search.press_sequentially("ma")
    table.held.answer(table.held.by_htmx[0], section(1, typed="lla"))
    table.held.until_asked(2)
    assert "q=llama" in table.held.by_htmx[1].request.url
    expect(search).to_have_value("llama")
    table.held.answer(table.held.by_htmx[1], section(2, typed="llama"))
    table.page.get_by_text("2 running").wait_for()
    expect(search).to_have_value("llama")
    expect(search).to_be_focused()
    assert table.page.url.endswith("q=llama")


def test_what_is_typed_beside_a_click_is_searched_in_what_it_brings(table):
    table.page.get_by_text("0 running").click()
    table.held.until_asked(1)
    search = table.page.locator("#table-search")
    search.press_sequentially("lla")
    table.held.until_asked(2)
    filtered = '<input type="hidden" name="phase" value="Running">'
    table.held.answer(table.held.by_htmx[1], section(9, typed="lla"))
    table.held.answer(table.held.by_htmx[0], section(1).replace("<input", f"{filtered}<input", 1))
    table.page.get_by_text("1 running").wait_for()
    expect(search).to_have_value("lla")
    expect(search).to_be_focused()
    table.held.until_asked(3)
    assert {"phase=Running", "q=lla"} <= set(table.held.by_htmx[2].request.url.partition("?")[2].split("&"))
    search.press_sequentially("ma")
    expect(search).to_have_value("llama")


def test_what_was_typed_right_before_a_click_is_searched_in_what_it_brings(table):
    search = table.page.locator("#table-search")
    search.press_sequentially("lla")
    table.page.get_by_text("0 running").click()
    table.until(lambda: table.held.about("phase=Running"))
    before = len(table.held.about("q=lla"))  # it may have gone out in time
    table.held.answer(table.held.about("phase=Running")[0], section(1))
    table.page.get_by_text("1 running").wait_for()
    expect(search).to_have_value("lla")
    table.until(lambda: len(table.held.about("q=lla")) > before)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_clicks_the_later_counts_whichever_is_answered_first(table, order):
    table.page.get_by_text("by name").click()
    table.held.until_asked(1)
    table.page.get_by_text("0 running").click()
    table.held.until_asked(2)
    for which in order:
        table.held.answer(table.held.by_htmx[which], section(which + 1))
    table.page.get_by_text("2 running").wait_for()
    table.wait_for("location.search === '?phase=Running'")
    table.page.get_by_text("by name").click()
    table.held.until_asked(3)
    table.held.answer(table.held.by_htmx[2], section(3))
    table.page.get_by_text("3 running").wait_for()


def test_what_was_clicked_stays_until_it_is_answered_though_the_table_changes_meanwhile(table):
    table.page.get_by_text("0 running").click()
    table.held.until_asked(1)
    table.answers["/rows"] = changed(row(1, "w-1", "Stopped", 2), tally="nothing")
    table.say(topic="workloads", hint=[1])
    table.page.get_by_text("Stopped").wait_for()
    expect(table.page.get_by_text("0 running")).to_be_visible()
    table.held.answer(table.held.by_htmx[0], section(1))
    table.page.get_by_text("1 running").wait_for()
    expect(table.page.locator("#shell")).to_have_count(1)
    expect(table.page.locator("#workloads .grid")).to_have_count(1)


def test_a_head_that_was_clicked_stays_though_other_columns_are_to_be_shown(table):
    table.page.evaluate(
        "document.querySelector('th:last-child').innerHTML = '<a href=\"?sort=status\">by status</a>';"
        "htmx.process(document.querySelector('thead'))"
    )
    table.page.get_by_text("by status").click()
    table.held.until_asked(1)
    table.say(topic="workloads", hint="all")
    table.until(lambda: table.held.by_scripts)
    table.held.answer(table.held.by_scripts[0], section(1, columns="name"))
    table.page.get_by_text("1 running").wait_for()
    expect(table.page.get_by_text("by status")).to_be_visible()
    table.held.answer(table.held.by_htmx[0], section(2))
    table.page.get_by_text("2 running").wait_for()
    expect(table.page.locator("#shell")).to_have_count(1)


def test_news_of_the_table_that_stood_here_before_are_not_put_into_the_next(table):
    table.say(topic="workloads", hint="all")
    table.until(lambda: table.held.by_scripts)
    table.page.get_by_text("0 running").click()
    table.held.until_asked(1)
    table.held.answer(table.held.by_htmx[0], section(1, status="Running"))
    table.page.get_by_text("1 running").wait_for()
    with table.page.expect_response(table.held.by_scripts[0].request.url):
        table.held.answer(table.held.by_scripts[0], section(9))
    table.page.evaluate("() => new Promise((done) => setTimeout(done, 100))")  # what is put in is in by now
    expect(table.page.get_by_text("1 running")).to_be_visible()
