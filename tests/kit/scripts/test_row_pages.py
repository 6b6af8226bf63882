"""Scrolling through many pages: never more than two of them in the browser, and nothing jumps."""

from urllib.parse import parse_qs

import pytest
from playwright.sync_api import expect

from tests.kit.scripts.test_live_table import HEAD, row

PAGE, ALL = 50, 1150
TOP = """() => {
  const edge = document.querySelector(".grid thead th").getBoundingClientRect().bottom;
  const rows = [...document.querySelectorAll("tr[data-row]")];
  const row = rows.find((one) => one.getBoundingClientRect().bottom > edge);
  return row && [Number(row.dataset.row), Math.round(row.getBoundingClientRect().top)];
}"""
SCROLLED = "document.querySelector('.grid').scrollTop"


class Server:
    """ALL rows, numbered from 1; a cursor is the number of its row."""

    def __init__(self):
        self.status, self.rows = "Pending", list(range(1, ALL + 1))

    def body(self, query):
        asked = parse_qs(query)
        if "before" in asked:
            rows = [n for n in self.rows if n < int(asked["before"][0])][-PAGE:]
        else:
            rows = [n for n in self.rows if n > int(asked.get("after", ["-1000"])[0])][:PAGE]
        before = rows[0] if rows and rows[0] != self.rows[0] else ""
        after = rows[-1] if rows and rows[-1] != self.rows[-1] else ""
        drawn = "".join(row(n, f"w-{n}", self.status, place=n) for n in rows)
        return f'<tbody data-before="{before}" data-after="{after}">{drawn}</tbody>'

    def page(self, query):
        return f"<table>{self.body(query)}</table>"

    def section(self, query=""):
        return (
            '<section class="workloads"><a href="#top">elsewhere</a><nav id="tally"></nav>'
            '<button type="button" data-action="show-changes" hidden></button>'
            '<div class="grid" tabindex="0" data-behaviour="live-table" data-rows-url="/rows"'
            ' data-page-url="/rows-page" data-topic="workloads">'
            f"{HEAD}{self.body(query)}</table></div>"
            '<footer id="foot" class="foot"><span data-range></span></footer>'
            '<form id="bulk" data-behaviour="selection"><strong data-count></strong>'
            '<button type="button" data-action="clear">Clear</button><p data-why hidden></p></form></section>'
        )


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def table(stage, server):
    """The table of the server's rows in 400 px, live, the pointer elsewhere."""
    small = "<style>.workloads { height: 400px }</style>"
    opened = stage(small + server.section(), styles=("tokens", "base", "table"))
    opened.page.evaluate("window.htmx = { process() {} }; window.most = 0")
    opened.page.evaluate(
        "document.addEventListener('runyard:rows', () => {"
        " window.most = Math.max(window.most, document.querySelectorAll('tr[data-row]').length) })"
    )
    opened.answers["/rows-page"] = server.page
    opened.answers["/page"] = server.section
    opened.wait_for("document.querySelector('[data-range]').textContent !== ''")
    opened.until_fetched_again()
    return opened


def first_and_last(table):
    drawn = table.page.locator("tr[data-row]")
    return int(drawn.first.get_attribute("data-row")), int(drawn.last.get_attribute("data-row"))


def first_in_view(table):
    """The number of that row; None while there is none."""
    found = table.page.evaluate(TOP)
    return found and found[0]


def scroll_to_end(table):
    """To the end of what is known; the next page has come when it returns."""
    _, last = first_and_last(table)
    table.page.evaluate("grid = document.querySelector('.grid'); grid.scrollTop = grid.scrollHeight")
    table.wait_for(
        "last => Number([...document.querySelectorAll('tr[data-row]')].at(-1).dataset.row) > last", last
    )


def scroll(table, top, row_in_view):
    table.page.evaluate("top => document.querySelector('.grid').scrollTop = top", top)
    table.page.locator(f"tr[data-row='{row_in_view}']").wait_for()


def test_through_twenty_pages_the_browser_holds_a_hundred_rows_and_back_up_the_same(table):
    height = table.page.locator("tr[data-row]").first.bounding_box()["height"]
    for _ in range(20):
        scroll_to_end(table)
    table.until(lambda: first_and_last(table) == (951, 1050))
    assert table.page.evaluate("window.most") == 2 * PAGE
    for n in range(900, 0, -200):
        scroll(table, (n - 1) * height, n)
        assert first_in_view(table) == n
    table.page.keyboard.press("Home")
    table.until(lambda: first_in_view(table) == 1)
    assert table.page.evaluate("window.most") == 2 * PAGE


def test_what_is_under_the_eye_stays_when_pages_come_and_go(table):
    height = table.page.locator("tr[data-row]").first.bounding_box()["height"]
    scroll_to_end(table)
    scroll_to_end(table)
    for row_number in (95, 70, 60):  # each nearer to rows that are not there
        table.page.evaluate(f"document.querySelector('.grid').scrollTop = {(row_number - 1) * height + 7}")
        before = table.page.evaluate(TOP)
        assert before[0] == row_number
    table.until(lambda: first_and_last(table) == (1, 100))
    assert table.page.evaluate(TOP) == before


def test_the_foot_and_screen_readers_are_told_which_rows_these_are(table):
    table.wait_for("document.querySelector('[data-range]').textContent.startsWith('rows 1–')")
    for _ in range(3):
        scroll_to_end(table)
    height = table.page.locator("tr[data-row]").first.bounding_box()["height"]
    scroll(table, 150 * height, 151)
    table.wait_for("document.querySelector('[data-range]').textContent.startsWith('rows 151–')")
    assert table.page.locator("tr[data-row='151']").get_attribute("aria-rowindex") == "152"


def test_rows_above_an_address_that_begins_further_on_are_reachable(stage, table, server):
    table.answers["/page"] = lambda query: table._html.replace(Server().body(""), server.body(query))
    table.page.goto("http://runyard.test/page?after=100&sort=name")
    table.page.locator("tr[data-row='101']").wait_for()
    table.page.locator("tr[data-row='51']").wait_for(state="attached")
    assert table.page.evaluate(TOP)[0] == 101
    assert table.page.locator("[data-range]").inner_text() == ""
    for n in (51, 1):
        table.page.evaluate("document.querySelector('.grid').scrollTop = 0")
        table.page.locator(f"tr[data-row='{n}']").wait_for(state="attached")
    table.page.keyboard.press("Home")
    table.wait_for("document.querySelector('[data-range]').textContent.startsWith('rows 1–')")
    assert all("sort=name" in url for url in table.asked if url.startswith("/rows-page"))


def test_the_keyboard_goes_on_past_the_rows_that_are_there(table):
    cursor, number = table.page.locator("tr[data-cursor]"), 0
    while number <= PAGE:
        table.page.keyboard.press("j")
        number = int(cursor.get_attribute("data-row"))
    table.page.keyboard.press("j")
    expect(cursor).to_have_attribute("data-row", str(number + 1))
    expect(cursor.locator("a")).to_be_focused()
    table.page.evaluate("document.querySelector('.grid').scrollTop = 0")
    table.page.locator("tr[data-row='1']").wait_for()
    while not cursor.count() or int(cursor.get_attribute("data-row")) > number - 15:
        table.page.keyboard.press("k")
    top, edge = (
        table.page.evaluate(f"document.querySelector('{it}').getBoundingClientRect().{side}")
        for it, side in (("tr[data-cursor]", "top"), (".grid thead th", "bottom"))
    )
    assert top >= edge - 1, "the head does not hide the row one moves to"


def test_a_server_that_does_not_answer_is_said_and_asked_again(table, server):
    del table.answers["/rows-page"]
    table.page.evaluate("document.querySelector('.grid').scrollTop = 1e6")
    again = table.page.get_by_role("button", name="Try again")
    again.wait_for()
    expect(table.page.locator("tfoot")).to_contain_text("The server does not answer.")
    table.answers["/rows-page"] = server.page
    again.click()
    table.page.locator("tr[data-row='100']").wait_for(state="attached")
    again.wait_for(state="hidden")


def test_a_fetch_that_was_overtaken_puts_nothing_in_the_table(table, server):
    for _ in range(12):
        scroll_to_end(table)
    height = table.page.locator("tr[data-row]").first.bounding_box()["height"]
    for n in (10, 400, 120, 260):
        table.page.evaluate(f"document.querySelector('.grid').scrollTop = {(n - 1) * height}")
        table.page.wait_for_timeout(30)
    table.page.locator("tr[data-row='260']").wait_for()
    assert table.page.evaluate(TOP)[0] == 260
    first, last = first_and_last(table)
    assert first <= 260 <= last < first + 2 * PAGE


def test_fetching_again_renews_the_pages_that_are_there_and_no_others(table, server):
    for _ in range(4):
        scroll_to_end(table)
    height = table.page.locator("tr[data-row]").first.bounding_box()["height"]
    scroll(table, 170 * height, 171)
    server.status = "Running"
    server.rows = [n for n in server.rows if n not in (3, 165)]
    before = table.page.evaluate(TOP)
    table.say(topic="workloads", hint="all")
    table.wait_for("document.querySelectorAll('td.status').length === 100")
    table.page.locator("tr[data-row='165']").wait_for(state="detached")
    table.until(lambda: set(table.page.locator("td.status").all_inner_texts()) == {"Running"})
    assert table.page.evaluate(TOP) == before
    first, last = first_and_last(table)
    assert (first, last) == (151, 251)


def test_new_rows_at_the_top_show_there_and_push_nothing_elsewhere(table, server):
    server.rows = [0, *server.rows]
    table.say(topic="workloads", hint="all")
    table.page.locator("tr[data-row='0']").wait_for()
    assert table.page.evaluate(SCROLLED) == 0
    scroll(table, 700, 30)
    before = table.page.evaluate(TOP)
    server.rows = [-1, *server.rows]
    table.say(topic="workloads", hint="all")
    table.page.locator("tr[data-row='-1']").wait_for(state="attached")
    assert table.page.evaluate(TOP) == before


@pytest.fixture
def deep(table, server):
    """The table, left for row 705 while row 700 was the first in view; `deep.was` is how that stood."""
    whole = table._html
    table.answers["/page"] = lambda query: whole.replace(Server().body(""), server.body(query))
    table.answers.update({f"/w/{n}": "<h1>A workload</h1>" for n in range(1, ALL)})
    table.page.add_init_script("window.htmx = { process() {} }")
    for _ in range(15):
        scroll_to_end(table)
    height = table.page.locator("tr[data-row]").first.bounding_box()["height"]
    scroll(table, 699 * height + 7, 700)
    table.until(lambda: first_in_view(table) == 700)
    table.was = table.page.evaluate(TOP)
    table.page.get_by_role("link", name="w-705", exact=True).click()
    expect(table.page.get_by_role("heading")).to_have_text("A workload")
    return table


def come_back(table, row_number):
    before = len(table.heard)
    table.page.go_back()
    table.until(lambda: len(table.heard) > before)  # its scripts run again
    table.page.locator(f"tr[data-row='{row_number}']").wait_for()


def test_going_back_leads_to_the_same_rows_and_the_focus_to_the_one_that_was_opened(deep):
    come_back(deep, 705)
    expect(deep.page.get_by_role("link", name="w-705", exact=True)).to_be_focused()
    deep.until(lambda: deep.page.evaluate(TOP) == deep.was)
    deep.wait_for("document.querySelector('[data-range]').textContent.startsWith('rows 700–')")
    assert deep.page.locator("tr[data-row='700']").get_attribute("aria-rowindex") == "701"
    assert deep.page.locator("tr[data-row]").count() <= 2 * PAGE
    scroll(deep, 0, 1)
    assert first_in_view(deep) == 1


def test_going_back_finds_the_row_where_it_stood_though_others_came_and_went_above(deep, server):
    server.rows = [n for n in server.rows if n not in (3, 690, 695)]
    come_back(deep, 705)
    deep.until(lambda: deep.page.evaluate(TOP) == deep.was)


def test_going_back_to_rows_that_are_gone_shows_those_there_are(deep, server):
    server.rows = server.rows[:120]
    come_back(deep, 1)
    deep.wait_for("document.querySelector('.grid').scrollHeight < 5000")  # no room for 750 rows any more
    deep.until(lambda: first_in_view(deep) == 1)
    deep.wait_for("document.querySelector('[data-range]').textContent.startsWith('rows 1–')")
    scroll_to_end(deep)


def test_another_address_begins_at_its_own_first_row(deep):
    deep.page.goto("http://runyard.test/page?sort=name")
    deep.wait_for("document.querySelector('[data-range]').textContent.startsWith('rows 1–')")
    assert first_in_view(deep) == 1
    deep.page.go_back()
    expect(deep.page.get_by_role("heading")).to_have_text("A workload")
    come_back(deep, 705)
    deep.until(lambda: deep.page.evaluate(TOP) == deep.was)
