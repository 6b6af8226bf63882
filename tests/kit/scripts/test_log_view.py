"""The log view in a real browser: what it shows, what it keeps out, how it follows."""

from types import SimpleNamespace

import pytest
from django.template.loader import get_template

from workloads import log_text, logs

TOPIC = "log:7/main"
TIME = "2026-01-02T03:04:05.678901234Z"
HOSTILE = "\x1b[31mred\x1b[0m <img src=x onerror=alert(1)> \x1b]8;;javascript:alert(1)\x07link\x1b]8;;\x07"


def section(lines, first=0):
    """The log as templates/workloads/log.html draws it."""
    pod = SimpleNamespace(pk=7, name="redwood-0", containers=[{"name": "main"}], gone_at=None)
    context = {
        "workload": SimpleNamespace(pk=1),
        "pods": [pod],
        "pod": pod,
        "container": "main",
        "previous": False,
        "part": True,
        "plain": log_text.plain,
        "log": logs.LogPage(first=first, lines=[(TIME, line) for line in lines]),
    }
    return get_template("workloads/log.html").render(context)


@pytest.fixture
def log(stage):
    """`log(lines)` opens the view on those lines, subscribed and live."""

    def open_log(lines=(), first=0):
        opened = stage(section(list(lines), first))
        opened.wait_for("document.querySelector('.state-pill').textContent === 'following'")
        return opened

    return open_log


def write(stage, start, lines):
    stage.say(topic=TOPIC, **{"from": start}, lines=[[TIME, line] for line in lines])


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


def test_it_goes_on_where_the_page_ends_and_follows(log):
    stage = log(["one", "two"], first=40)
    assert {"subscribe": TOPIC, "from": 42, "previous": False} in stage.heard
    write(stage, 42, ["three"])
    stage.page.get_by_text("three").wait_for()
    assert stage.page.locator(".log-row > a").all_inner_texts() == ["41", "42", "43"]


def test_lines_told_twice_are_shown_once_and_a_gap_is_said(log):
    stage = log(["one", "two"])
    write(stage, 0, ["one", "two", "three"])
    write(stage, 10, ["eleven"])
    stage.say(topic=TOPIC, skipped=5)
    stage.say(topic=TOPIC, end=True, why="The container has ended.")
    stage.page.get_by_text("The container has ended.").wait_for()
    assert shown(stage) == [
        "one",
        "two",
        "three",
        "7 lines skipped; the download has them",
        "eleven",
        "5 lines skipped; the download has them",
        "The container has ended.",
    ]
    assert stage.page.locator(".state-pill").inner_text() == "ended"


def test_after_a_gap_it_asks_for_the_first_line_it_lacks(log):
    stage = log(["one"])
    write(stage, 1, ["two", "three"])
    stage.page.get_by_text("three").wait_for()
    stage.sockets[-1].close()
    stage.page.get_by_text("reconnecting").wait_for()
    stage.page.get_by_text("following").wait_for()
    assert stage.heard[-1] == {"subscribe": TOPIC, "from": 3, "previous": False}


def test_a_hundred_thousand_lines_keep_two_hundred_in_the_page(log):
    stage = log()
    for start in range(0, 100_000, 5_000):
        write(stage, start, [f"line {n}" for n in range(start, start + 5_000)])
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


def test_scrolling_up_stops_following_until_one_jumps_back(log):
    stage = log([f"line {n}" for n in range(200)])
    stage.page.locator(".log-window").evaluate("w => { w.scrollTop -= 400 }")
    jump = stage.page.get_by_role("button", name="Jump to live")
    jump.wait_for()
    before = stage.page.locator(".log-window").evaluate("w => w.scrollTop")
    write(stage, 200, ["later"])
    stage.wait_for("document.querySelector('.log-lines').offsetHeight > 200 * 18")
    assert stage.page.locator(".log-window").evaluate("w => w.scrollTop") == before
    jump.click()
    stage.page.get_by_text("later").wait_for()
    assert jump.is_hidden()


def test_pause_holds_lines_back_and_counts_them(log):
    stage = log(["one"])
    pause = stage.page.get_by_role("button", name="Pause")
    pause.click()
    write(stage, 1, ["two", "three"])
    stage.page.get_by_text("paused, 2 lines wait").wait_for()
    assert shown(stage) == ["one"]
    pause.click()
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
    write(stage, 200, ["one more loss"])
    stage.page.get_by_text("4 of 5").wait_for()
    find.fill("nowhere")
    stage.page.get_by_text("none").wait_for()


def test_a_very_long_line_is_cut_until_it_is_asked_for(log):
    stage = log(["x" * 60_000])
    assert len(shown(stage)[0]) < 2_100
    stage.page.get_by_role("button", name="show all 60,000 characters").click()
    stage.wait_for("document.querySelector('.log-row')?.lastChild.textContent.length === 60000")


def test_wrapped_lines_do_not_lie_over_each_other(log):
    stage = log(["y" * 500, "after"])
    stage.page.get_by_role("button", name="Wrap long lines").click()
    stage.page.get_by_text("after").wait_for()
    boxes = stage.page.eval_on_selector_all(
        ".log-row",
        "rows => rows.map(row => { const b = row.getBoundingClientRect(); return [b.top, b.bottom] })",
    )
    assert boxes[0][1] <= boxes[1][0] + 0.5
    assert boxes[0][1] - boxes[0][0] > 60


def test_times_turn_from_local_to_utc_to_none(log):
    stage = log(["one"])
    times, cell = stage.page.locator("[data-log=times]"), stage.page.locator(".log-row time")
    times.click()
    assert cell.inner_text() == "03:04:05"
    times.click()
    assert cell.inner_text() == ""


def test_what_the_cluster_says_stands_over_the_log_until_lines_come(log):
    stage = log()
    stage.say(topic=TOPIC, note="The container has not started yet.")
    stage.page.get_by_text("The container has not started yet.").wait_for()
    write(stage, 0, ["started"])
    stage.page.get_by_text("started", exact=True).wait_for()
    assert stage.page.get_by_text("The container has not started yet.").count() == 0
