"""Rows that the socket sends are put in as fetched ones are; the socket is told what the table shows."""

import pytest
from playwright.sync_api import expect

from tests.kit.scripts.test_live_table import changed, keep_flashes, row, section, statuses

LOOK = {
    "subscribe": "workloads",
    "query": "",
    "drawn": "name,status",
    "rows": [1, 2, 3],
    "after": "",
    "before": "",
}


def with_columns(html, edges=("", "")):
    before, after = edges
    return html.replace("<table>", '<table data-columns="name,status">').replace(
        'data-before="" data-after=""', f'data-before="{before}" data-after="{after}"'
    )


@pytest.fixture
def table(stage):
    """Three rows of a table of two columns, with the pointer over it."""
    opened = stage(with_columns(section(*[row(n, f"w-{n}", "Pending") for n in (1, 2, 3)])))
    opened.page.evaluate("window.htmx = { process() {} }")
    until(opened, LOOK)
    opened.until_fetched_again()
    opened.page.get_by_text("w-2").hover()
    return opened


def until(table, message):
    """The page says `message`."""
    table.wait_for("document.querySelector('[data-behaviour=live-table] tr')")
    table.until_heard(message)


def send(table, *rows, entering=(), tally="0"):
    table.say(topic="workloads", rows=changed(*rows, tally=tally), entering=list(entering))


def fetches(table):
    return [url for url in table.asked if url.startswith("/rows")]


def test_rows_that_are_sent_are_swapped_in_place_and_nothing_is_fetched(table):
    before = len(table.asked)
    keep_flashes(table)
    send(table, row(2, "w-2", "Running", 2), row(77, "not-shown", "Running", 2), tally="1 running")
    table.wait_for("flashed.length")
    assert statuses(table) == ["Pending", "Running", "Pending"]
    assert table.page.locator("#tally").inner_text() == "1 running"
    assert table.page.get_by_text("not-shown").count() == 0
    assert len(table.asked) == before


def test_rows_sent_without_a_tally_leave_it_alone(table):
    send(table, row(1, "w-1", "Running", 2), tally="7")
    table.page.get_by_text("Running").wait_for()
    table.say(
        topic="workloads", rows=f"<table><tbody>{row(3, 'w-3', 'Failed', 2)}</tbody></table>", entering=[]
    )
    table.page.get_by_text("Failed").wait_for()
    assert table.page.locator("#tally").inner_text() == "7"


def test_an_older_frame_does_not_undo_a_newer_one(table):
    send(table, row(1, "w-1", "Running", 5))
    send(table, row(1, "w-1", "Creating", 4), row(2, "w-2", "Running", 2))
    table.wait_for("document.querySelectorAll('td.status')[1].textContent === 'Running'")
    assert statuses(table) == ["Running", "Running", "Pending"]


def test_a_row_that_comes_into_the_table_waits_behind_the_pill(table):
    table.answers["/page"] = with_columns(section(*[row(n, f"w-{n}", "Pending") for n in (9, 1, 2, 3)]))
    send(table, entering=[9, 2])  # 2 is there already
    pill = table.page.get_by_role("button", name="1 change")
    pill.wait_for()
    assert table.page.get_by_text("w-9").count() == 0
    table.page.get_by_text("elsewhere").hover()
    table.page.get_by_text("w-9").wait_for()
    expect(pill).to_be_hidden()
    until(table, LOOK | {"rows": [9, 1, 2, 3]})


def test_a_row_that_left_is_marked_and_goes_when_nobody_points_at_it(table):
    table.answers["/page"] = with_columns(section(row(1, "w-1", "Pending"), row(3, "w-3", "Pending")))
    send(table, "<tr data-row='2' data-left='hidden'></tr>")
    table.page.locator("tr[data-left=hidden]").wait_for()
    table.page.get_by_text("elsewhere").hover()
    table.page.get_by_text("w-2").wait_for(state="detached")
    until(table, LOOK | {"rows": [1, 3]})


def test_what_is_sent_while_the_table_is_fetched_is_put_in_after_it(table):
    """A row that is gone by then must not come back with the older answer."""

    def answer(_):
        send(table, "<tr data-row='2' data-left='gone'></tr>")
        table.answers["/page"] = with_columns(section(row(1, "w-1", "Running", 2), row(3, "w-3", "Pending")))
        return with_columns(section(*[row(n, f"w-{n}", "Running", 2) for n in (1, 2, 3)]))

    table.page.get_by_text("elsewhere").hover()
    table.answers["/page"] = answer
    table.say(topic="workloads", hint="all")
    table.page.get_by_text("w-2").wait_for(state="detached")


def test_where_rows_are_only_named_they_are_fetched(table):
    table.say(topic="workloads", refused="Too many views.")
    table.answers["/rows"] = changed(row(2, "w-2", "Running", 2))
    table.say(topic="workloads", hint=[2])
    table.page.get_by_text("Running").wait_for()
    assert fetches(table)


def test_after_a_gap_the_socket_is_told_again_what_is_shown(table):
    table.heard.clear()
    table.sockets[-1].close()
    until(table, LOOK)


def test_the_address_and_the_edges_of_the_page_are_told(stage):
    opened = stage(
        with_columns(section(row(5, "w-5", "Pending")), ("top", "bottom")),
        hash="?q=w&after=x&count=exact",
    )
    until(opened, LOOK | {"query": "q=w", "rows": [5], "after": "top", "before": "bottom"})


def test_of_an_endless_address_rows_are_not_asked_for(stage):
    opened = stage(with_columns(section(row(5, "w-5", "Pending"))), hash="?q=" + "x" * 4_000)
    until(opened, {"subscribe": "workloads"})


def test_frames_that_make_no_sense_break_nothing(table):
    table.say(topic="workloads", rows="<p>no table", entering=[])
    table.say(topic="workloads", rows="", entering=[])
    send(table, row(3, "w-3", "Running", 2))
    table.page.get_by_text("Running").wait_for()
