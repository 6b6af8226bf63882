"""Rows that change while one looks: swapped in place, moved only when the pointer is elsewhere."""

import json
import time

import pytest
from playwright.sync_api import expect

HEAD = '<table><thead><tr><th class="pick"></th><th>Name</th><th>Status</th></tr></thead>'


def row(pk, name, status, version=1, why="", place=""):
    facts = json.dumps({"why": {"stop": why, "run": "already running", "delete": ""}})
    return (
        f"<tr data-row='{pk}' data-version='{version}' data-place='{place}' data-facts='{facts}'>"
        f'<td class="pick"><input type="checkbox" value="{pk}" form="bulk" aria-label="Select {name}"></td>'
        f'<th class="first"><a href="/w/{pk}">{name}</a></th><td class="status">{status}</td></tr>'
    )


def section(*rows, tally="0"):
    """The section as templates/workloads/list.html draws it, as far as scripts look at it."""
    return (
        '<section><a href="#top">elsewhere</a>'
        f'<nav id="tally">{tally}</nav><button type="button" data-action="show-changes" hidden></button>'
        '<div class="grid" data-behaviour="live-table" data-rows-url="/rows" data-page-url="/rows-page"'
        f' data-topic="workloads">{HEAD}<tbody data-before="" data-after="">{"".join(rows)}</tbody></table>'
        '</div><footer id="foot"></footer>'
        '<form id="bulk" class="actions" data-behaviour="selection"><strong data-count></strong>'
        '<button name="verb" value="stop">Stop</button><button name="verb" value="run">Run</button>'
        '<button name="verb" value="delete">Delete</button>'
        '<button type="button" data-action="clear">Clear</button><p data-why hidden></p></form></section>'
    )


def changed(*rows, tally="0"):
    return f'<table><tbody>{"".join(rows)}</tbody></table><nav id="tally">{tally}</nav>'


@pytest.fixture
def table(stage):
    """Three rows, live, with the pointer over the table."""
    rows = [row(n, f"w-{n}", "Pending") for n in (1, 2, 3)]
    opened = stage(section(*rows), styles=("tokens", "base", "table"))
    opened.page.evaluate("window.htmx = { process() {} }")
    opened.wait_for("document.querySelector('[data-behaviour=live-table] tr')")
    opened.until_fetched_again()
    opened.page.get_by_text("w-2").hover()
    return opened


def statuses(table):
    return table.page.locator("td.status").all_inner_texts()


def keep_flashes(table):
    """The words of each cell that flashes from now on, however briefly, are in `flashed` in the page."""
    table.page.evaluate(
        """() => { window.flashed = [];
        const note = (changes) => {
          for (const { target } of changes) if ("flash" in target.dataset) flashed.push(target.textContent) };
        const flashes = { subtree: true, attributeFilter: ["data-flash"] };
        new MutationObserver(note).observe(document.querySelector(".grid"), flashes) }"""
    )


def test_a_changed_row_is_swapped_where_it_stands_and_flashes_once(table):
    table.answers["/rows"] = changed(row(2, "w-2", "Running", 2), tally="1 running")
    keep_flashes(table)
    table.say(topic="workloads", hint=[2])
    table.wait_for("flashed.length")
    assert statuses(table) == ["Pending", "Running", "Pending"]
    assert table.page.locator("#tally").inner_text() == "1 running"
    table.wait_for("!document.querySelector('[data-flash]')")
    assert table.page.evaluate("flashed") == ["Running"]


def test_hints_in_a_burst_become_few_requests(table):
    table.answers["/rows"] = changed(row(1, "w-1", "Running", 2))
    before = len([url for url in table.asked if url.startswith("/rows")])
    began = time.monotonic()
    for _ in range(50):
        table.say(topic="workloads", hint=[1, 2, 3])
    table.page.get_by_text("Running").wait_for()
    asked = len([url for url in table.asked if url.startswith("/rows")]) - before
    assert asked <= 2 + (time.monotonic() - began) / 0.25  # four a second at most, on any machine


def test_an_older_answer_does_not_undo_a_newer_one(table):
    table.answers["/rows"] = changed(
        row(1, "w-1", "Running", 5), row(2, "w-2", "Old", 0), row(3, "w-3", "New", 2)
    )
    table.say(topic="workloads", hint=[1, 2, 3])
    table.page.get_by_text("New").wait_for()
    assert statuses(table) == ["Running", "Pending", "New"]


def test_a_new_row_waits_behind_the_pill_while_the_pointer_is_over_the_table(table):
    newcomer = row(9, "newcomer", "Creating")
    table.answers["/rows"] = changed("<tr data-row='9' data-enters></tr>")
    table.answers["/page"] = section(newcomer, *[row(n, f"w-{n}", "Pending") for n in (1, 2, 3)])
    table.say(topic="workloads", hint=[9])
    pill = table.page.get_by_role("button", name="1 change")
    pill.wait_for()
    assert table.page.get_by_text("newcomer").count() == 0
    table.page.get_by_text("elsewhere").hover()
    table.page.get_by_text("newcomer").wait_for()
    expect(pill).to_be_hidden()


def test_a_row_that_is_gone_is_marked_first_and_leaves_when_nobody_points_at_it(table):
    table.answers["/rows"] = changed("<tr data-row='2' data-left='gone'></tr>")
    table.answers["/page"] = section(row(1, "w-1", "Pending"), row(3, "w-3", "Pending"))
    table.say(topic="workloads", hint=[2])
    table.page.locator("tr[data-left=gone]").wait_for()
    table.page.get_by_text("elsewhere").hover()
    table.page.get_by_text("w-2").wait_for(state="detached")


def test_what_is_selected_stays_selected_when_rows_move(table):
    table.page.get_by_label("Select w-3").check()
    table.answers["/page"] = section(row(3, "w-3", "Running", 2), row(1, "w-1", "Pending"))
    table.page.get_by_text("elsewhere").hover()
    table.say(topic="workloads", hint="all")
    table.page.get_by_text("w-2").wait_for(state="detached")
    assert table.page.get_by_label("Select w-3").is_checked()
    expect(table.page.locator("[data-count]")).to_have_text("1 selected")


def test_the_action_bar_says_what_cannot_be_done_and_why(table):
    table.answers["/rows"] = changed(row(1, "w-1", "Stopped", 2, why="already stopped"))
    table.say(topic="workloads", hint=[1])
    table.page.get_by_text("Stopped").wait_for()
    table.page.get_by_label("Select w-1").click()
    table.page.get_by_label("Select w-3").click(modifiers=["Shift"])
    expect(table.page.locator("[data-count]")).to_have_text("3 selected")
    assert "Stop: 1 of 3 already stopped" in table.page.locator("[data-why]").inner_text()
    assert table.page.get_by_role("button", name="Stop").is_enabled()
    assert table.page.get_by_role("button", name="Run").is_disabled()


def test_the_keyboard_moves_selects_and_clears(table):
    table.page.keyboard.press("j")
    table.page.keyboard.press("j")
    table.page.keyboard.press("x")
    assert table.page.get_by_label("Select w-2").is_checked()
    table.page.keyboard.press("Escape")
    assert not table.page.get_by_label("Select w-2").is_checked()
    table.page.keyboard.press("k")
    assert table.page.evaluate("document.activeElement.textContent") == "w-1"


def test_after_a_gap_the_whole_table_is_fetched_again(table):
    table.page.get_by_text("elsewhere").hover()
    table.answers["/page"] = section(row(1, "w-1", "Completed", 7))
    table.sockets[-1].close()
    table.page.get_by_text("Completed").wait_for()
    expect(table.page.get_by_text("w-2")).to_have_count(0)


def test_a_change_of_a_column_that_is_not_shown_moves_nothing_under_the_pointer(table):
    """The table is sorted by it all the same: the row's place tells."""
    table.answers["/rows"] = changed(row(2, "w-2", "Pending", 2, place="elsewhere"))
    table.answers["/page"] = section(*[row(n, f"w-{n}", "Pending", 2, place="elsewhere") for n in (2, 1, 3)])
    table.say(topic="workloads", hint=[2])
    pill = table.page.get_by_role("button", name="1 change")
    pill.wait_for()
    assert table.page.locator("th.first").all_inner_texts() == ["w-1", "w-2", "w-3"]
    pill.click()
    expect(table.page.locator("th.first")).to_have_text(["w-2", "w-1", "w-3"])
    expect(pill).to_be_hidden()


def test_rows_fetched_after_a_gap_wait_too_while_the_pointer_is_over_the_table(table):
    """The subscription may be confirmed, and everything fetched, when one already points at a row."""
    rows = [row(9, "newcomer", "Pending"), row(1, "w-1", "Running", 2), row(2, "w-2", "Pending")]
    table.answers["/page"] = section(*rows, row(3, "w-3", "Pending"))
    table.sockets[-1].close()
    pill = table.page.get_by_role("button", name="1 change")
    pill.wait_for()
    assert statuses(table) == ["Running", "Pending", "Pending"]
    assert table.page.get_by_text("newcomer").count() == 0
    table.page.get_by_text("elsewhere").hover()
    table.page.get_by_text("newcomer").wait_for()
    expect(pill).to_be_hidden()


def test_a_change_elsewhere_in_a_long_table_is_none_here(table):
    table.answers["/rows"] = changed(tally="1 more")
    table.say(topic="workloads", hint=[77])
    table.wait_for("document.querySelector('#tally').textContent === '1 more'")
    asked = [url for url in table.asked if url.startswith("/rows")][-1]
    assert "others=77" in asked
    assert "ids=" not in asked
    assert table.page.get_by_role("button", name="change").count() == 0


def test_what_could_not_be_fetched_comes_with_the_rest(table):
    table.page.get_by_text("elsewhere").hover()
    table.answers["/page"] = section(row(1, "w-1", "Completed", 7))
    table.say(topic="workloads", hint=[1])  # /rows answers 404
    table.page.get_by_text("Completed").wait_for()
    expect(table.page.get_by_text("w-2")).to_have_count(0)


def test_what_the_viewer_did_needs_not_wait_for_the_pointer_to_leave(table):
    table.answers["/page"] = section(*[row(n, f"w-{n}", "Deleting", 2) for n in (1, 2, 3)], tally="3 leave")
    did = "() => document.body.dispatchEvent(new CustomEvent('workloads-changed', {detail: {ids: [1, 2]}}))"
    table.page.evaluate(did)
    table.page.get_by_text("3 leave").wait_for()
    expect(table.page.locator("td.status")).to_have_text(["Deleting"] * 3)
    gone = [f"<tr data-row='{n}' data-left='gone'></tr>" for n in (1, 2)]
    table.answers["/rows"] = changed(*gone, tally="1 left")
    table.answers["/page"] = section(row(3, "w-3", "Deleting", 2), tally="1 left")
    table.say(topic="workloads", hint=[1, 2])
    table.page.get_by_text("w-1").wait_for(state="detached")
    expect(table.page.get_by_role("button", name="change")).to_be_hidden()
    expect(table.page.locator("#tally")).to_have_text("1 left")


def test_an_exact_total_that_was_asked_for_stays_exact_when_the_table_is_fetched_again(table):
    def answer(query):
        total = (
            '<span id="total" data-counted>1,285</span>'
            if "count=exact" in query
            else '<a id="total">1,000+</a>'
        )
        rows = [row(n, f"w-{n}", "Pending") for n in (1, 2, 3)]
        return section(*rows).replace('<footer id="foot">', f'<footer id="foot">{total}')

    foot = table.page.locator("#foot")
    table.answers["/page"] = answer
    table.say(topic="workloads", hint=True)
    expect(foot).to_have_text("1,000+")
    table.page.evaluate(
        "document.getElementById('foot').innerHTML = '<span id=\"total\" data-counted>1,284</span>'"
    )
    table.say(topic="workloads", hint=True)
    expect(foot).to_have_text("1,285")
    table.say(topic="workloads", hint=True)
    table.until(lambda: len([url for url in table.asked if "count=exact" in url]) == 2)
    expect(foot).to_have_text("1,285")
