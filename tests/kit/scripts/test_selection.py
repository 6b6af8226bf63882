"""What is selected: rows that come and go, ranges over rows that were scrolled away, and all that match."""

import json

import pytest


def row(pk, tools=(), **why):
    facts = json.dumps({"name": f"w-{pk}", "why": why} | ({"tools": tools} if tools else {}))
    return (
        f"<tr data-row='{pk}' data-facts='{facts}'><td class='pick'>"
        f"<input type='checkbox' value='{pk}' form='bulk' aria-label='Select w-{pk}'></td>"
        f"<th class='first'><a href='/w/{pk}'>w-{pk}</a></th></tr>"
    )


def section(rows, total):
    """As templates/workloads/list.html draws it, as far as scripts look at it."""
    return (
        '<section><div class="grid" tabindex="0"><table><thead><tr><th class="pick"><input type="checkbox" '
        'data-action="select-all" aria-label="Select all"></th><th>Name</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div><footer><span data-total='{total}'></span></footer>"
        '<form id="bulk" class="actions" data-behaviour="selection" data-selection-url="/selection" '
        'data-matching="?q=w" data-copy-url="/new"><strong data-count></strong>'
        '<button type="button" data-action="select-matching" hidden></button>'
        '<button name="verb" value="stop">Stop</button><button name="verb" value="run">Run</button>'
        '<a data-one="connect">Connect</a><a data-one="copy">Copy</a><a data-one="details">Details</a>'
        '<button name="verb" value="delete">Delete</button>'
        '<button type="button" data-action="clear">Clear</button><p data-why hidden></p></form>'
        '<div id="toasts"></div></section>'
    )


class Table:
    """Rows 1 to 5 of 1,284 that match; of those that match, 1,000 are said to be stopped already."""

    def __init__(self, stage, total="1,284"):
        self.stage = stage(section([row(n) for n in range(1, 6)], total), styles=("tokens", "base", "table"))
        self.page = self.stage.page
        told = {"count": 1284, "why": {"stop": {"already stopped": 1000}, "run": {}, "delete": {}}}
        self.stage.answers["/selection"] = json.dumps(told)

    def wait(self, expression):
        self.stage.wait_for(expression)

    def draw(self, *rows):
        """As when one scrolls: these rows are there, and no others."""
        self.page.evaluate(
            "rows => { document.querySelector('tbody').innerHTML = rows;"
            " document.dispatchEvent(new CustomEvent('runyard:rows')); }",
            "".join(rows),
        )

    def click(self, pk, *modifiers):
        self.page.get_by_label(f"Select w-{pk}", exact=True).click(modifiers=list(modifiers))

    def ticked(self):
        boxes = self.page.locator("tbody input:checked")
        return [int(box.get_attribute("value")) for box in boxes.all()]

    def count(self):
        return self.page.locator("[data-count]").inner_text()

    def why(self):
        return self.page.locator("[data-why]").inner_text()

    def sent(self):
        """What the form would send."""
        return self.page.evaluate(
            "() => { const form = document.getElementById('bulk'); const formData = new FormData(form);"
            " form.dispatchEvent(new CustomEvent('htmx:configRequest', {detail: {formData}}));"
            " return Object.fromEntries(formData); }"
        )

    def take_all(self):
        self.page.get_by_label("Select all", exact=True).click()
        self.page.get_by_role("button", name="Select all 1,284 that match").click()
        self.wait("document.querySelector('[data-count]').textContent === '1,284 selected'")


@pytest.fixture
def table(stage):
    return Table(stage)


def test_rows_that_are_scrolled_away_stay_selected(table):
    table.click(2)
    table.click(4)
    table.draw(*[row(n) for n in range(6, 10)])
    assert (table.ticked(), table.count()) == ([], "2 selected")
    table.click(7)
    assert table.sent() == {"ids": "2,4,7"}
    table.draw(*[row(n) for n in range(1, 8)])
    assert table.ticked() == [2, 4, 7]


def test_a_range_goes_over_rows_that_were_scrolled_away(table):
    table.click(2)
    table.draw(*[row(n) for n in range(4, 9)])
    table.draw(*[row(n) for n in range(7, 12)])
    table.click(10, "Shift")
    assert table.sent() == {"ids": "2,3,4,5,6,7,8,9,10"}


def test_a_row_that_is_gone_is_selected_no_more(table):
    table.click(2)
    table.click(3)
    table.draw(row(1), row(2).replace("<tr", "<tr data-left='gone'"), row(3))
    assert (table.count(), table.sent()) == ("1 selected", {"ids": "3"})


def test_all_that_match_are_selected_less_those_taken_out(table):
    table.take_all()
    assert table.why().startswith("Stop: 1,000 of 1,284 already stopped")
    table.draw(row(8), row(9, stop="already stopped"))
    assert table.ticked() == [8, 9]
    table.click(9)
    assert table.count() == "1,283 selected"
    assert table.why().startswith("Stop: 999 of 1,283 already stopped")
    assert table.sent() == {"matching": "q=w", "except": "9"}
    table.draw(row(9), row(10))
    assert table.ticked() == [10]
    table.click(9)
    assert table.sent() == {"matching": "q=w", "except": ""}


def test_all_that_match_are_offered_only_when_the_page_is_selected_and_more_match(stage, table):
    offer = table.page.locator("[data-action=select-matching]")
    table.click(1)
    assert offer.is_hidden()
    table.page.get_by_label("Select all", exact=True).click()
    assert offer.inner_text() == "Select all 1,284 that match"
    table.click(3)
    assert offer.is_hidden()
    few, uncounted = Table(stage, total="5"), Table(stage, total="1,000+")
    for other in (few, uncounted):
        other.page.get_by_label("Select all", exact=True).click()
    assert few.page.locator("[data-action=select-matching]").is_hidden()
    shown = uncounted.page.locator("[data-action=select-matching]").inner_text()
    assert shown == "Select all 1,000+ that match"


def test_the_keyboard_selects_ranges_the_page_and_all(table):
    table.page.keyboard.press("j")
    table.page.keyboard.press("x")
    table.page.keyboard.press("j")
    table.page.keyboard.press("j")
    table.page.keyboard.press("X")
    assert table.ticked() == [1, 2, 3]
    table.page.keyboard.press("Control+a")
    assert table.count() == "5 selected"
    table.page.keyboard.press("Control+a")
    table.wait("document.querySelector('[data-count]').textContent === '1,284 selected'")
    table.page.keyboard.press("Escape")
    assert table.ticked() == []
    assert table.page.locator("#bulk").is_hidden()


def test_a_key_leads_from_the_rows_to_what_can_be_done_with_them(table):
    table.draw(row(1, stop="already stopped"), row(2))
    table.page.keyboard.press("a")
    assert not table.page.locator("#bulk :focus").count()
    table.page.keyboard.press("j")
    table.page.keyboard.press("x")
    table.page.keyboard.press("a")
    assert table.page.locator("#bulk :focus").text_content() == "Run"


def test_copy_and_details_are_for_one(table):
    table.draw(row(1), row(2, copy="not yours to copy"))
    copy, details = (table.page.locator(f"[data-one={name}]") for name in ("copy", "details"))
    table.click(1)
    assert (copy.get_attribute("href"), details.get_attribute("href")) == ("/new?copy=1", "/w/1")
    table.click(2)
    assert copy.get_attribute("href") is None
    assert copy.get_attribute("title") == "Choose one workload"
    assert "Connect, Copy, Details: choose one workload" in table.why()
    table.click(1)
    assert (copy.get_attribute("title"), copy.get_attribute("aria-disabled")) == ("not yours to copy", "true")
    assert details.get_attribute("href") == "/w/2"


def test_connect_leads_to_the_one_tool_or_to_where_several_are(table):
    one, two = [["Jupyter", "/w/2/jupyter"]], [["Jupyter", "/w/3/jupyter"], ["files", "/w/3/files"]]
    table.draw(row(1), row(2, tools=one), row(3, tools=two), row(4, tools=one, connect="stopped"))
    connect = table.page.locator("[data-one=connect]")
    for pk, href, title in (
        (1, None, "It has no tools to connect to"),
        (2, "/w/2/jupyter", ""),
        (3, "/w/3", ""),
        (4, None, "stopped"),
    ):
        table.click(pk)
        assert (connect.get_attribute("href"), connect.get_attribute("title")) == (href, title)
        table.click(pk)


def test_an_action_is_grey_only_when_none_allows_it_and_says_how_many_do_not(table):
    table.draw(
        row(1), row(2, stop="already stopped"), row(3, stop="already stopped"), row(4, stop="completed")
    )
    stop = table.page.get_by_role("button", name="Stop")
    table.click(2)
    assert stop.is_disabled()
    assert table.why() == "Stop: already stopped"
    table.click(3)
    assert stop.is_disabled()
    assert "Stop: all 2 already stopped" in table.why()
    table.click(4)
    table.click(1)
    assert stop.is_enabled()
    assert "Stop: 2 of 4 already stopped, 1 completed" in table.why()


def test_what_was_done_is_selected_no_more(table):
    table.page.get_by_label("Select all", exact=True).click()
    done = "ids => document.body.dispatchEvent(new CustomEvent('workloads-changed', {detail: ids}))"
    table.page.evaluate(done, {"ids": [1, 2, 3, 4]})
    assert table.ticked() == [5]
    table.page.get_by_label("Select all", exact=True).click()
    table.page.evaluate(done, {"all": True})
    assert table.ticked() == []


def test_a_server_that_cannot_tell_leaves_the_selection_as_it_is(table):
    table.stage.page.route(
        "**/selection*", lambda route: route.fulfill(status=400, body='{"problem": "Too many."}')
    )
    table.page.get_by_label("Select all", exact=True).click()
    table.page.get_by_role("button", name="Select all 1,284 that match").click()
    table.page.get_by_text("Too many.").wait_for()
    assert table.count() == "5 selected"
