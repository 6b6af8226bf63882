"""The log view in a real browser: what it shows, what it keeps out, how it follows."""

import json
import re
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from types import SimpleNamespace
from urllib.parse import parse_qsl

import pytest
from django.template.loader import get_template
from playwright.sync_api import expect

from workloads import log_text, logs

TOPIC = "log:7/main"
TIME = "2026-01-02T03:04:05.678901234Z"
HOSTILE = "\x1b[31mred\x1b[0m <img src=x onerror=alert(1)> \x1b]8;;javascript:alert(1)\x07link\x1b]8;;\x07"


def section(lines, first=0, total=0, place=None, merged=None, **more):
    """The log as templates/workloads/log.html draws it; `more` of its context is as given."""
    pod = SimpleNamespace(pk=7, name="redwood-0", containers=[{"name": "main"}], gone_at=None)
    context = {
        "workload": SimpleNamespace(pk=1, project=None),
        "pods": [pod],
        "pod": None if merged else pod,
        "merged_live": True,
        "most_live": 8,
        "container": "main",
        "previous": False,
        "part": False,
        "shown": log_text.shown,
        "log": logs.LogPage(first=first, lines=[(TIME, line) for line in lines], total=total),
        "lines_url": "/lines?pod=7",
        "search_url": "/search?pod=7",
        "place": place,
        "merged": merged,
        "here": "pod=7",
        "earlier": 0,
        "later": 0,
        "silence": None,
        "problem": "",
        "note": "",
        "kept": "Kept until 1 February 2026.",
    }
    return get_template("workloads/log.html").render(context | more) + '<div id="toasts"></div>'


class Server:
    """Answers as the log's addresses do: `all` are its lines, None for one that is kept nowhere."""

    def __init__(self, stage, lines):
        self.all, self.step = lines, len(lines) or 1
        stage.answers |= {"/lines": self.lines, "/search": self.search}

    def lines(self, query):
        asked = dict(parse_qsl(query))
        first = next((n for n in range(int(asked["first"]), len(self.all)) if self.all[n] is not None), 0)
        given = list(takewhile(lambda line: line is not None, self.all[first:]))
        given = given[: int(asked["first"]) + int(asked["count"]) - first]
        page = {"first": first, "total": len(self.all), "lines": [[TIME, line] for line in given]}
        return json.dumps(page | {"error": ""})

    def search(self, query):
        asked = dict(parse_qsl(query))
        start = int(asked["start"])
        to = min(len(self.all), start + self.step)
        answer = {"numbers": [], "searched_to": to, "total": len(self.all), "done": to == len(self.all)}
        if asked["q"] == "(":
            return json.dumps(answer | {"done": True, "problem": "This is no regular expression."})
        pattern = re.compile(asked["q"] if "regex" in asked else re.escape(asked["q"]), re.IGNORECASE)
        answer["numbers"] = [n for n in range(start, to) if pattern.search(self.all[n])]
        return json.dumps(answer | {"problem": ""})


@pytest.fixture
def log(stage):
    """`log(lines)` opens the view on those lines, subscribed and live; `whole` is all that the server has."""

    def open_log(lines=(), first=0, whole=None, hash="", state="following", **options):
        opened = stage(section(list(lines), first, len(whole or ()), **options), hash=hash)
        opened.server = Server(opened, list(whole or lines))
        opened.wait_for("s => document.querySelector('.state-pill')?.dataset.state === s", state)
        return opened

    return open_log


def write(stage, start, lines):
    stage.say_lines(TOPIC, start, [(TIME, line) for line in lines])


def keep_words_of(stage, part):
    """What that part of the log says from now on is told, one after the other, by `told` in the page."""
    watch = """(part) => { const place = document.querySelector(`[data-log=${part}]`); window.told = [];
      new MutationObserver(() => told.push(place.textContent)).observe(place, { childList: true }) }"""
    stage.page.evaluate(watch, part)


def shown(stage):
    """The texts of the rows, once they are painted."""
    stage.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return stage.page.eval_on_selector_all(".log-row", "rows => rows.map(row => row.lastChild.textContent)")


def test_colours_are_shown_and_nothing_of_a_line_becomes_markup(log):
    stage = log([HOSTILE, "10%\r\x1b[32m100%\x1b[0m", "\x1b[38;2;1;2;3;1mrgb"])
    assert shown(stage)[0] == "red <img src=x onerror=alert(1)> link"
    assert shown(stage)[1] == "100%"
    assert stage.page.locator(".log-row img, .log-row a[href^=javascript]").count() == 0
    assert stage.page.locator(".a-fg1").inner_text() == "red"
    assert stage.page.locator(".a-fg2").inner_text() == "100%"
    assert stage.page.get_by_text("rgb").evaluate("e => [e.style.color, e.className]") == [
        "rgb(1, 2, 3)",
        "a-bold",
    ]


def test_what_turns_a_line_around_is_shown_by_its_name_and_copied_as_it_is(log):
    turned = "grant \u202eoot\u202c \u2066x\u2069"
    stage = log([turned, "\x1b[31m\u202ered\x1b[0m", "y" * 300 + "\u202e" * 100, "last"])
    assert shown(stage)[0] == "grant <U+202E>oot<U+202C> <U+2066>x<U+2069>"
    assert stage.page.locator(".a-fg1").inner_text() == "<U+202E>red"
    stage.page.get_by_label("Find in the log").fill(" \u202eoot")
    expect(stage.page.locator(".log-row mark")).to_have_text(" <U+202E>oot")
    copies = "{ value: { writeText: async (text) => { window.copied = text } } }"
    stage.page.evaluate(f"Object.defineProperty(navigator, 'clipboard', {copies})")
    numbers = stage.page.locator(".log-row > a")
    numbers.nth(0).click()
    numbers.nth(0).click(modifiers=["Shift"])
    stage.page.get_by_text("1 line copied.").wait_for()
    assert stage.page.evaluate("copied") == f"{turned}\n"
    stage.page.get_by_role("button", name="Wrap").click()
    stage.wait_for(
        """() => { const [,, long, last] =
          [...document.querySelectorAll(".log-row")].map((row) => row.getBoundingClientRect());
        return last && long.height > 60 && long.bottom <= last.top + 0.5 }"""
    )


def test_it_goes_on_where_the_page_ends_and_follows(log):
    stage = log(["one", "two"], first=40, whole=[*["earlier"] * 40, "one", "two"])
    stage.until_heard({"subscribe": TOPIC, "from": 42, "previous": False})
    write(stage, 42, ["three"])
    stage.wait_for("() => document.querySelector('.log-row:last-child > a')?.textContent === '43'")
    assert stage.page.locator(".log-row > a").all_inner_texts()[-3:] == ["41", "42", "43"]


def test_lines_told_twice_are_shown_once_and_the_end_is_said(log):
    stage = log(["one", "two"])
    write(stage, 0, ["one", "two", "three"])
    stage.say(topic=TOPIC, end=True, why="The container has ended.")
    stage.page.get_by_text("The container has ended. Kept until 1 February 2026.").wait_for()
    assert shown(stage) == ["one", "two", "three"]
    assert stage.page.get_by_role("button", name="Pause").is_hidden()
    assert stage.page.locator(".state-pill").inner_text() == "ended"


def test_lines_passed_over_are_fetched_and_those_kept_nowhere_are_said(log):
    whole = ["one", "two", "three", *[None] * 7, "eleven", "twelve"]
    stage = log(["one", "two"], whole=["one", "two"])
    stage.server.all = whole
    write(stage, 10, ["eleven"])
    stage.say(topic=TOPIC, skipped=1)
    write(stage, 12, ["thirteen"])
    stage.page.get_by_text("7 lines skipped: kept nowhere").wait_for()
    for line in ("three", "eleven", "twelve", "thirteen"):
        stage.page.get_by_text(line, exact=True).wait_for()
    stage.page.get_by_text("9 lines were skipped on the way; scroll there to read them.").wait_for()
    gap = ["7 lines skipped: kept nowhere", *[""] * 6]
    assert shown(stage) == ["one", "two", "three", *gap, "eleven", "twelve", "thirteen"]


def test_after_a_gap_it_asks_for_the_first_line_it_lacks(log):
    stage = log(["one"])
    write(stage, 1, ["two", "three"])
    stage.page.get_by_text("three").wait_for()
    keep_words_of(stage, "state")
    stage.sockets[-1].close()
    stage.until_heard({"subscribe": TOPIC, "from": 3, "previous": False})
    expect(stage.page.locator("[data-log=state]")).to_have_text("following")
    assert stage.page.evaluate("told") == ["reconnecting", "following"]


def test_a_hundred_thousand_lines_keep_two_hundred_in_the_page(log):
    stage = log()
    stage.server.all = [f"line {n}" for n in range(100_000)]
    for start in range(0, 100_000, 5_000):
        write(stage, start, stage.server.all[start : start + 5_000])
    stage.page.get_by_text("line 99999", exact=True).wait_for()
    assert stage.page.locator(".log-row").count() <= 200
    window = stage.page.locator(".log-window")
    window.evaluate("w => { w.scrollTop = 0 }")
    stage.page.get_by_text("line 0", exact=True).wait_for()
    assert stage.page.locator(".log-row").count() <= 200
    stage.page.get_by_role("button", name="Jump to live").click()
    stage.page.get_by_text("line 99999", exact=True).wait_for()
    write(stage, 100_000, ["the newest"])
    stage.page.get_by_text("the newest").wait_for()


MILLION = 1_000_000


def million(query):
    """A million lines, without holding them."""
    first = int(dict(parse_qsl(query))["first"])
    count = min(int(dict(parse_qsl(query))["count"]), MILLION - first)
    lines = [[TIME, f"line {n}"] for n in range(first, first + count)]
    return json.dumps({"first": first, "total": MILLION, "lines": lines, "error": ""})


@pytest.fixture
def long(stage):
    """`long(hash)`: the end of a million lines."""

    def open_long(hash=""):
        first = MILLION - 500
        html = section([f"line {n}" for n in range(first, MILLION)], first, MILLION)
        opened = stage(html, hash=hash, answers={"/lines": million})
        opened.wait_for("document.querySelector('.log-row')")
        return opened

    return open_long


def in_sight(stage):
    """The numbers (from 0) of the lines that one sees, the first and the last, once nothing is on its way."""
    stage.wait_for(
        """() => { const box = document.querySelector(".log-window").getBoundingClientRect();
        window.seen = [...document.querySelectorAll(".log-row")].filter((row) => {
          const own = row.getBoundingClientRect();
          return own.bottom > box.top + 1 && own.top < box.bottom - 1 });
        return seen.length > box.height / 18 - 2 && seen.every((row) => row.textContent.includes("line")) }"""
    )
    texts = stage.page.evaluate("seen.map((row) => row.lastChild.textContent)")
    numbers = [int(text.split()[1]) for text in texts]
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    return numbers[0], numbers[-1]


def test_a_link_to_a_line_in_the_middle_of_a_million_opens_there(long):
    stage = long("#L500000")
    first, last = in_sight(stage)
    assert first < 499_999 < last
    assert stage.page.locator("[data-target]").inner_text().endswith("line 499999")
    assert len([one for one in stage.asked if one.startswith("/lines")]) <= 2
    stage.page.reload()
    first, last = in_sight(stage)
    assert first < 499_999 < last


def test_the_scroll_bar_stands_for_all_of_a_million_lines(long):
    stage = long()
    assert in_sight(stage)[1] == MILLION - 1
    window = stage.page.locator(".log-window")
    window.evaluate("w => { w.scrollTop = 0 }")
    stage.page.get_by_text("line 0", exact=True).wait_for()
    assert in_sight(stage)[0] == 0
    window.evaluate("w => { w.scrollTop = w.scrollHeight / 4 }")
    stage.page.get_by_text("line 250000", exact=True).wait_for()
    first = in_sight(stage)[0]
    assert 249_900 < first < 250_100
    window.evaluate("w => { w.scrollTop += 180 }")  # a small move goes line by line
    stage.until(lambda: in_sight(stage)[0] == first + 10)
    assert stage.page.locator(".log-row").count() <= 200


def test_lines_that_one_scrolls_to_are_fetched_before_they_come_into_sight(long):
    stage = long()
    stage.page.locator(".log-window").evaluate("w => { w.scrollTop -= 1000 }")
    stage.until(lambda: any(f"first={MILLION - 1000}&count=500" in one for one in stage.asked))
    assert in_sight(stage)[0] > MILLION - 400


@pytest.mark.parametrize("order", ["come(); leave()", "leave(); come()"])
def test_scrolling_on_as_the_scroll_bar_comes_to_rest_is_not_undone(long, order):
    stage = long()
    assert in_sight(stage)[1] == MILLION - 1
    script = """() => {
      const viewport = document.querySelector(".log-window");
      const later = window.setTimeout;
      const leave = () => { viewport.scrollTop = viewport.scrollHeight / 4; window.left = true };
      window.setTimeout = (come, after) =>
        later(after === 150 && !window.left ? () => { ORDER } : come, after);
      viewport.scrollTop = 0;
    }"""
    stage.page.evaluate(script.replace("ORDER", order))
    stage.wait_for("window.left")
    stage.page.get_by_text("line 250000", exact=True).wait_for()
    assert 249_900 < in_sight(stage)[0] < 250_100


def test_what_is_read_in_order_is_in_order_in_the_page(log):
    stage = log([f"line {n}" for n in range(400)])
    window = stage.page.locator(".log-window")
    for top in (3000, 2900, 2500, 2700):
        window.evaluate("(w, top) => { w.scrollTop = top }", top)
        texts = shown(stage)
        assert texts == sorted(texts, key=lambda text: int(text.split()[1]))


def test_scrolling_up_stops_following_until_one_jumps_back(log):
    stage = log([f"line {n}" for n in range(200)])
    stage.page.locator(".log-window").evaluate("w => { w.scrollTop -= 400 }")
    jump = stage.page.get_by_role("button", name="Jump to live")
    jump.wait_for()
    before = stage.page.locator(".log-window").evaluate("w => w.scrollTop")
    tall = stage.page.locator(".log-lines").evaluate("list => list.offsetHeight")
    write(stage, 200, ["later"])
    stage.wait_for("tall => document.querySelector('.log-lines').offsetHeight > tall", tall)
    assert stage.page.locator(".log-window").evaluate("w => w.scrollTop") == before
    jump.click()
    stage.page.get_by_text("later").wait_for()
    expect(jump).to_be_hidden()


def test_pause_holds_lines_back_and_counts_them(log):
    stage = log(["one"])
    stage.page.get_by_role("button", name="Pause").click()
    write(stage, 1, ["two", "three"])
    stage.page.get_by_text("paused, 2 lines wait").wait_for()
    assert shown(stage) == ["one"]
    stage.page.get_by_role("button", name="Resume").click()
    stage.page.get_by_text("three").wait_for()


def test_search_counts_marks_and_steps(log):
    stage = log([f"line {n}: {'Loss' if n % 50 == 0 else 'ok'}" for n in range(200)])
    find = stage.page.get_by_label("Find in the log")
    find.fill("loss")
    stage.page.get_by_text("4 of 4").wait_for()
    assert stage.page.locator("[data-current] mark").inner_text() == "Loss"
    find.press("Enter")
    stage.page.get_by_text("1 of 4").wait_for()
    find.press("Shift+Enter")
    stage.page.get_by_text("4 of 4").wait_for()
    stage.server.all.append("one more loss")
    write(stage, 200, ["one more loss"])
    stage.page.get_by_text("4 of 5").wait_for()
    find.fill("nowhere")
    stage.page.get_by_text("none").wait_for()


def test_a_search_reads_the_whole_log_and_says_how_far_it_is(log):
    whole = [f"line {n} {'needle' if n in (3, 900) else ''}" for n in range(1_000)]
    stage = log(whole[990:], first=990, whole=whole)
    stage.server.step = 400
    keep_words_of(stage, "found")
    stage.page.get_by_label("Find in the log").fill("needle")
    stage.page.get_by_text("2 of 2").wait_for()
    assert "1, searched 400 of 1,000 lines" in stage.page.evaluate("told")
    stage.page.locator("[data-current] mark").wait_for()
    assert stage.page.locator("[data-current]").inner_text().endswith("line 900 needle")


def test_an_expression_is_searched_for_and_a_bad_one_is_said_at_the_field(log):
    stage = log(["step 1", "step two", "step 3"])
    stage.page.get_by_role("button", name="Regular expression").click()
    find = stage.page.get_by_label("Find in the log")
    find.fill(r"step \d")
    stage.page.get_by_text("2 of 2").wait_for()
    expect(stage.page.locator(".log-row mark")).to_have_text(["step 1", "step 3"])
    find.fill("(")
    stage.page.get_by_role("alert").get_by_text("This is no regular expression.").wait_for()
    expect(find).to_have_attribute("aria-invalid", "true")


def test_shift_click_selects_a_range_copies_it_and_puts_it_into_the_address(log):
    stage = log([HOSTILE, "two", "three", "four"])
    copies = "{ value: { writeText: async (text) => { window.copied = text } } }"
    stage.page.evaluate(f"Object.defineProperty(navigator, 'clipboard', {copies})")
    numbers = stage.page.locator(".log-row > a")
    numbers.nth(0).click()
    stage.wait_for("location.hash === '#L1'")
    numbers.nth(2).click(modifiers=["Shift"])
    stage.page.get_by_text("3 lines copied.").wait_for()
    assert stage.page.evaluate("copied") == "red <img src=x onerror=alert(1)> link\ntwo\nthree\n"
    assert stage.page.evaluate("location.hash") == "#L1-L3"
    expect(stage.page.locator("[data-target]")).to_have_count(3)


@pytest.mark.parametrize(("before", "widths"), [(8, [1, 2]), (998, [3, 5])])
def test_numbers_of_any_length_end_and_texts_begin_at_the_same_place(log, before, widths):
    stage = log(["text"] * 4, first=before, whole=["text"] * (before + 4))
    aligned = """widths => {
      const rows = [...document.querySelectorAll(".log-row:has(> a)")].map((row) => [...row.children]);
      const one = (edges) => new Set(edges.map(Math.round)).size === 1;
      const found = rows.map(([number]) => number.textContent.length);
      return widths.every((width) => found.includes(width))
        && one(rows.map(([number]) => number.getBoundingClientRect().right))
        && one(rows.map((cells) => cells.at(-1).getBoundingClientRect().left));
    }"""
    stage.wait_for(aligned, widths)


@pytest.mark.parametrize("wrap", [False, True])
@pytest.mark.parametrize("width", [390, 1000])
def test_a_long_number_stands_beside_its_time_and_never_over_it(log, width, wrap):
    stage = log(["text " * 40] * 4, first=1_234_567, whole=range(1_234_571))
    stage.page.set_viewport_size({"width": width, "height": 700})
    if wrap:
        stage.page.get_by_role("button", name="Wrap").click()
    apart = """() => {
      const rows = [...document.querySelectorAll(".log-row:has(time:not(:empty))")];
      const boxes = rows.map((row) => [...row.children].map((cell) => cell.getBoundingClientRect()));
      const bottom = (node) => node.getBoundingClientRect().bottom;
      const lines = (node) => {
        const words = document.createRange();
        words.selectNodeContents(node);
        return words.getClientRects().length;
      };
      return rows.length === 4
        && boxes.every(([number, time, text]) => number.right <= time.left + 1 && time.right <= text.left + 1)
        && rows.every((row) => row.firstChild.scrollWidth <= row.firstChild.clientWidth)
        && rows.every((row) => lines(row.firstChild) === 1)
        && rows.every((row) => bottom(row.lastChild) <= bottom(row) + 1);
    }"""
    stage.wait_for(apart)


def test_it_goes_on_following_when_the_window_becomes_taller(log):
    stage = log([f"line {n}" for n in range(300)])
    for height in (200, 700, 300, 900):
        resize = """height => new Promise(done => {
          document.querySelector(".log-window").style.height = `${height}px`;
          requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(done)));
        })"""
        stage.page.evaluate(resize, height)
        stage.wait_for("() => document.querySelector('.log-row:last-child > a')?.textContent === '300'")
        expect(stage.page.locator(".state-pill")).to_have_text("following")


def test_lines_that_wait_do_not_come_with_earlier_ones_that_are_fetched(log):
    whole = [f"line {n}" for n in range(700)]
    stage = log(whole[600:], first=600, whole=whole)
    stage.page.get_by_role("button", name="Pause").click()
    stage.server.all = [*whole, "new"]
    write(stage, 700, ["new"])
    expect(stage.page.locator(".state-pill")).to_have_text("paused, 1 line waits")
    stage.page.locator(".log-window").evaluate("box => { box.scrollTop = 590 * 18 }")
    stage.page.get_by_text("line 590", exact=True).wait_for()
    assert stage.page.locator(".log-window").evaluate("box => box.scrollHeight") == 700 * 18
    stage.page.get_by_role("button", name="Resume").click()
    stage.page.get_by_role("button", name="Jump to live").click()
    stage.page.get_by_text("new", exact=True).wait_for()


def test_a_selection_is_copied_without_numbers_and_times(log):
    stage = log(["one", "two"])
    assert shown(stage) == ["one", "two"]
    stage.page.locator(".log-window").evaluate("w => getSelection().selectAllChildren(w)")
    assert stage.page.evaluate("getSelection().toString()").split() == ["one", "two"]


def test_a_very_long_line_is_cut_until_it_is_asked_for(log):
    stage = log(["x" * 60_000])
    assert len(shown(stage)[0]) < 2_100
    stage.page.get_by_role("button", name="show all 60,000 characters").click()
    stage.wait_for("document.querySelector('.log-row')?.lastChild.textContent.length === 60000")


def test_wrapped_lines_do_not_lie_over_each_other(log):
    stage = log(["y" * 500, "after"])
    stage.page.get_by_role("button", name="Wrap").click()
    stage.wait_for(
        """() => { const [long, after] =
          [...document.querySelectorAll(".log-row")].map((row) => row.getBoundingClientRect());
        return after && long.height > 60 && long.bottom <= after.top + 0.5 }"""
    )


@pytest.mark.parametrize(("mode", "words"), [("utc", "03:04:05"), ("since", "+00:00:00"), ("off", "")])
def test_times_are_shown_as_chosen(log, mode, words):
    stage = log(["one"])
    stage.page.get_by_label("Times").select_option(mode)
    expect(stage.page.locator(".log-row time")).to_have_text(words)


def test_what_the_cluster_says_stands_over_the_log_until_lines_come(log):
    stage = log()
    stage.say(topic=TOPIC, note="The container has not started yet.")
    stage.page.get_by_text("The container has not started yet.").wait_for()
    write(stage, 0, ["started"])
    stage.page.get_by_text("started", exact=True).wait_for()
    expect(stage.page.get_by_text("The container has not started yet.")).to_have_count(0)


def test_a_log_that_ends_without_a_line_says_so_where_it_said_that_lines_will_come(log):
    waits = SimpleNamespace(words="The container has not started yet. Its lines appear here.", see="events")
    stage = log([], silence=waits, kept="", state="waiting")
    stage.say(topic=TOPIC, note="The container has not started yet.")
    stage.say(topic=TOPIC, end=True, why="It ended before its container started.")
    expect(stage.page.locator("[data-log=error]")).to_have_text("It ended before its container started.")
    expect(stage.page.locator("[data-log=foot]")).to_be_hidden()
    expect(stage.page.locator(".state-pill")).to_have_text("ended")


def test_a_place_that_the_server_chose_is_gone_to(log):
    whole = [f"line {n}" for n in range(5_000)]
    stage = log(whole[2_000:2_500], first=2_000, whole=whole, place=2_250, state="")
    first, last = in_sight(stage)
    assert first < 2_250 < last
    assert stage.page.locator("[data-target]").inner_text().endswith("line 2250")


def test_what_is_missing_stands_before_the_line_it_is_missing_before(log):
    page = logs.LogPage(
        lines=[(TIME, "one"), (TIME, "three")], total=2, notes={1: "<b>Lines are missing here.</b>"}
    )
    stage = log(["one", "three"], log=page)
    expect(stage.page.locator(".log-lack")).to_have_text("<b>Lines are missing here.</b>")
    assert stage.page.locator(".log-row").last.locator(".log-lack").count() == 1


BLOCKS = """async () => {
  const { LogBlocks } = await import("/static/js/log-blocks.js");
  const bytes = (from, to, more = "") => new TextEncoder().encode(
    Array.from({ length: to - from }, (_, i) => `at ${from + i}${more}\\n`).join(""));
  const blocks = new LogBlocks();
  const text = (n) => blocks.get(n)?.[1] ?? blocks.get(n);
  const texts = (from, to) => Array.from({ length: to - from }, (_, i) => text(from + i));
  WORK
}"""


def blocks(stage, work):
    """What `work` returns, which has `blocks`, to hold lines, and `bytes(from, to)`, such lines."""
    return stage.page.evaluate(BLOCKS.replace("WORK", work))


def test_lines_are_held_once_however_blocks_and_pages_overlap(log):
    work = """
      blocks.putBytes(10, 5, bytes(10, 15));
      blocks.put(8, [8, 9, 10, 11].map((n) => ["at", `page ${n}`]));
      blocks.putBytes(13, 5, bytes(13, 18));
      blocks.lack(5, 9);
      return [texts(5, 19), blocks.gaps(0, 20), blocks.holes(0, 2000), blocks.total]"""
    texts, gaps, holes, total = blocks(log(), work)
    assert texts == [*[None] * 3, "page 8", "page 9", *[str(n) for n in range(10, 18)], None]
    assert (gaps, holes, total) == ([[0, 5], [18, 20]], [0], 18)


def test_what_is_far_from_where_one_looks_is_let_go_of_and_nothing_else(log):
    work = """
      for (let n = 0; n < 30; n += 1) blocks.putBytes(n, 1, bytes(n, n + 1, "x".repeat(2 ** 20)));
      blocks.trim(20, 21);
      const near = [blocks.parts[0].from, blocks.parts.at(-1).to, blocks.held <= 2 ** 24];
      const gone = blocks.get(0) === undefined;
      return [near, text(20).length, gone, blocks.holes(0, 30), blocks.total]"""
    near, length, gone, holes, total = blocks(log(), work)
    assert near[0] <= 20 < near[1]
    assert (near[2], length, gone, holes, total) == (True, 2**20 + 2, True, [0], 30)


def test_what_is_in_sight_is_held_whatever_it_takes_and_nothing_beside_it(log):
    work = """
      for (let n = 0; n < 30; n += 1) blocks.putBytes(n, 1, bytes(n, n + 1, "x".repeat(2 ** 20)));
      blocks.trim(5, 25);
      const tight = [blocks.parts[0].from, blocks.parts.at(-1).to, blocks.tight];
      blocks.trim(7, 10);
      blocks.trim(7, 10);
      return [...tight, blocks.held <= 2 ** 24, blocks.tight]"""
    assert blocks(log(), work) == [5, 25, True, True, False]


FOLLOWED = """
  const { WholeLog } = await import("/static/js/log-whole.js");
  const list = document.createElement("ol");
  list.dataset.first = 0;
  const say = { changed() {}, complain() {}, following: () => FOLLOWING };
  const log = new WholeLog(document.createElement("section"), list, say);
  const receive = (from, count, more) => log.receive({ from, count, bytes: bytes(from, from + count, more) });
  receive(0, 1);
  receive(1, 300, "x".repeat(60_000));
  const here = [0, 1, 150, 300].map((n) => log.line(n) !== null);
  receive(301, 1);
  return [...here, log.line(301)?.raw, log.count]"""


def test_while_one_follows_a_block_beyond_all_memory_is_held_to_its_first_line(log):
    assert blocks(log(), FOLLOWED.replace("FOLLOWING", "true")) == [False, True, True, True, "301", 302]


def test_of_what_rushes_by_between_two_drawings_the_end_is_held(log):
    stage = log(["first"])
    hold = """() => {
      [window.frame, window.later] = [requestAnimationFrame, []];
      window.requestAnimationFrame = (work) => later.push(work);
    }"""
    stage.page.evaluate(hold)
    for start in range(1, 321, 16):
        write(stage, start, [f"{n} {'x' * 65_000}" for n in range(start, start + 16)])
    stage.say(topic=TOPIC, note="All of it came.")
    stage.page.get_by_text("All of it came.").wait_for()
    draw = """() => new Promise((done) => {
      window.requestAnimationFrame = frame;
      later.forEach((work) => frame(work));
      frame(() => frame(done));
    })"""
    stage.page.evaluate(draw)
    assert "320 xxx" in stage.page.locator(".log-row").last.text_content()


def test_who_falls_behind_is_told_by_how_much_until_all_is_there(log):
    stage = log()
    pill, now = stage.page.locator(".state-pill"), datetime.now(UTC)
    ago = lambda seconds: (now - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")  # noqa: E731
    stage.say_lines(TOPIC, 0, [(ago(3600), "of an hour ago, when nobody looked")])
    stage.page.get_by_text("of an hour ago").wait_for()
    expect(pill).to_have_text("following")
    stage.say_lines(TOPIC, 1, [(ago(0), "new")])
    stage.page.get_by_text("new", exact=True).wait_for()
    expect(pill).to_have_text("following")
    keep_words_of(stage, "state")
    stage.say_lines(TOPIC, 2, [(ago(300), "late")])
    stage.wait_for("() => told.some((words) => /^following, (4|5) m( \\d\\d s)? behind$/.test(words))")
    expect(pill).to_have_text("following")


SET_BACK = """async () => {
  const { LogLag } = await import("/static/js/log-lag.js");
  const [lag, start, said] = [new LogLag(() => {}), Date.UTC(2026, 0, 2), []];
  for (let second = 0; second < 1200; second += 1) {
    const at = start + second * 1000;
    lag.heard(at, new Date(at - (second < 60 ? 0 : 240_000)).toISOString());
    said.push(lag.words);
  }
  lag.stop();
  return said;
}"""


def test_of_a_clock_that_was_set_back_nobody_is_told_to_be_behind_for_more_than_minutes(log):
    said = log().page.evaluate(SET_BACK)  # a line each second; after one minute the clock is set back by four
    assert set(said[:60]) == {""}
    assert set(said[60:600]) == {", 4 m 00 s behind"}  # as far as anybody can tell
    assert set(said[605:]) == {""}


def test_what_is_no_text_is_shown_with_replacement_characters(log):
    stage = log()
    head = json.dumps({"topic": TOPIC, "from": 0, "count": 2}).encode()
    stage.sockets[-1].send(head + b"\n" + TIME.encode() + b" a\xff\xfeb\n" + TIME.encode() + b" after\n")
    stage.page.get_by_text("after", exact=True).wait_for()
    assert shown(stage) == ["a\ufffd\ufffdb", "after"]


def test_of_what_comes_while_paused_the_newest_is_held_and_all_is_counted(log):
    stage = log()
    stage.page.get_by_role("button", name="Pause").click()
    long = "y" * 60_000
    for start in range(0, 200, 20):
        write(stage, start, [f"{n} {long}" for n in range(start, start + 20)])
    stage.page.get_by_text("paused, 200 lines wait").wait_for()
    stage.page.get_by_role("button", name="Resume").click()
    stage.page.get_by_text("199 yyyy").wait_for()
    stage.page.get_by_text("80 lines were skipped on the way; scroll there to read them.").wait_for()


@pytest.mark.parametrize("wrap", [False, True])
@pytest.mark.parametrize("paused", [False, True])
@pytest.mark.parametrize("heights", [(600,), (150, 500)])
def test_a_window_that_is_resized_goes_on_following_also_after_a_pause(log, wrap, paused, heights):
    stage = log([f"line {n} " + "x" * 30 * (n % 20) for n in range(300)])
    if wrap:
        stage.page.get_by_role("button", name="Wrap").click()
    if paused:
        stage.page.get_by_role("button", name="Pause").click()
        write(stage, 300, ["three hundred"])
        stage.page.get_by_text("paused, 1 line waits").wait_for()
    resize = """height => new Promise(done => {
      const box = document.querySelector(".log-window");
      box.style.height = `${height}px`;
      box.scrollTop; // as whatever listens to the window's size does: the layout comes before the frame
      requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(done)));
    })"""
    for height in heights:
        stage.page.evaluate(resize, height)
    if paused:
        stage.page.get_by_role("button", name="Resume").click()
    expect(stage.page.locator(".state-pill")).to_have_text("following")
    write(stage, 300, [f"later {n}" for n in range(40)])
    stage.wait_for("() => document.querySelector('.log-row:last-child > a')?.textContent === '340'")
    expect(stage.page.locator(".state-pill")).to_have_text("following")
