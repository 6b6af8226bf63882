"""The event history in a real browser: new rows at the top; nothing moves under who reads further down."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from urllib.parse import parse_qsl

import pytest
from django.template.loader import get_template

from workloads.history import Happening, HistoryPage

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TOPIC = "workload:1"
STYLES = ("tokens", "base", "workload", "history")


class History:
    """The server's side: `rows` as (key, count), newest first, 50 a page."""

    def __init__(self, count):
        self.rows = [(f"event-{number}", 1) for number in range(count, 0, -1)]

    def page(self, after):
        keys = [key for key, _ in self.rows]
        start = keys.index(after) + 1 if after else 0
        shown = [self._happening(*row) for row in self.rows[start : start + 50]]
        more = len(self.rows) > start + 50
        return drawn(HistoryPage(shown, shown[-1].key if more else ""))

    def _happening(self, key, count):
        at = AT + timedelta(seconds=int(key.removeprefix("event-")) if count == 1 else 1000)
        words = f"<img src=x onerror=alert(1)> {key}"
        return Happening(key, at, "normal", "Pulled", words, "kubelet", at, at, count=count)


class Searched(History):
    """One in which a search goes back a step a page, and finds all there is on the third; or nothing."""

    def page(self, after):
        step = int(after or 1)
        if step < 3:
            return drawn(HistoryPage([], str(step + 1), AT))
        return drawn(HistoryPage([self._happening(*row) for row in self.rows]), filtered=True)


def drawn(shown, *, filtered=False):
    context = {"workload": SimpleNamespace(pk=1), "problem": "", "filtered": filtered}
    context |= {"request": SimpleNamespace(GET=Params()), "shown": shown}
    return get_template("workloads/history_list.html").render(context)


class Params(dict):
    """An address without parameters, as templates read it."""

    def lists(self):
        return self.items()


@pytest.fixture
def opened(stage):
    """`opened(count)`: the list of so many events, live; its server side is `history`."""

    def open_history(count, kind=History):
        history = kind(count)
        body = (
            f'<section class="card events" data-behaviour="history-list" data-topic="{TOPIC}">'
            '<div class="new-rows"><button type="button" class="btn small" hidden></button></div>'
        )

        def answer(query):
            asked = dict(parse_qsl(query))
            return history.page(asked.get("after")) if asked.get("part") == "list" else one._html

        one = stage(body + history.page(None) + "</section>", styles=STYLES)
        one.answers["/page"] = answer
        one.history = history
        return one

    return open_history


def keys(page):
    return page.evaluate("[...document.querySelectorAll('.history > li')].map(row => row.dataset.key)")


def hint(stage):
    stage.say(topic=TOPIC, hint=2)


def subscribed(stage):
    stage.until(lambda: any("subscribe" in message for message in stage.heard))


def test_a_new_event_comes_in_at_the_top_where_one_looks_there(opened):
    stage = opened(5)
    subscribed(stage)
    stage.history.rows.insert(0, ("event-6", 1))
    hint(stage)
    stage.wait_for("document.querySelector('.history > li').dataset.key === 'event-6'")
    assert keys(stage.page) == [f"event-{n}" for n in range(6, 0, -1)]
    assert stage.page.locator(".history img").count() == 0


def test_a_repetition_moves_its_row_up_with_the_new_count(opened):
    stage = opened(5)
    subscribed(stage)
    stage.history.rows = [("event-2", 7), *[row for row in stage.history.rows if row[0] != "event-2"]]
    hint(stage)
    stage.wait_for("document.querySelector('.history > li').dataset.key === 'event-2'")
    assert keys(stage.page) == ["event-2", "event-5", "event-4", "event-3", "event-1"]
    assert "×7" in stage.page.locator(".history > li").first.inner_text()


def test_further_down_nothing_moves_and_a_button_says_how_many_are_new(opened):
    stage = opened(50)
    subscribed(stage)
    stage.page.evaluate("document.querySelectorAll('.history > li')[30].scrollIntoView()")
    before = stage.page.evaluate("document.querySelectorAll('.history > li')[30].getBoundingClientRect().top")
    stage.history.rows[:0] = [("event-52", 1), ("event-51", 1)]
    hint(stage)
    button = stage.page.locator(".new-rows button")
    button.wait_for(state="visible")
    assert button.inner_text() == "2 new"
    row = "document.querySelectorAll('.history > li')[30].getBoundingClientRect().top"
    assert (keys(stage.page)[0], stage.page.evaluate(row)) == ("event-50", before)
    button.click()
    stage.wait_for("document.querySelector('.history > li').dataset.key === 'event-52'")
    assert button.is_hidden()
    assert len(set(keys(stage.page))) == len(keys(stage.page)) == 52


def test_more_new_ones_than_a_page_holds_begin_the_list_anew(opened):
    stage = opened(5)
    subscribed(stage)
    stage.history.rows[:0] = [(f"event-{n}", 1) for n in range(100, 5, -1)]
    hint(stage)
    stage.wait_for("document.querySelector('.history > li').dataset.key === 'event-100'")
    assert keys(stage.page)[:50] == [f"event-{n}" for n in range(100, 50, -1)]


def test_older_pages_come_as_one_scrolls_and_stop_where_the_page_would_get_heavy(opened):
    stage = opened(700)

    def at_the_end():
        stage.page.evaluate("document.querySelector('.older')?.scrollIntoView()")
        return len(keys(stage.page)) >= 500

    stage.until(at_the_end)
    assert keys(stage.page) == [f"event-{n}" for n in range(700, 200, -1)]
    assert stage.page.locator(".older a").count() == 1


def test_a_search_goes_further_back_by_itself_until_it_has_found_what_there_is(opened):
    stage = opened(2, Searched)
    stage.wait_for("document.querySelectorAll('.history > li').length === 2")
    assert stage.page.locator(".older").count() == 0


def test_a_search_that_has_looked_through_all_in_vain_says_so(opened):
    stage = opened(0, Searched)
    stage.page.get_by_text("Nothing matches").wait_for()
