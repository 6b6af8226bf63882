"""Sparklines in cells of a table: one request for all rows, kept while rows change, drawn for new ones."""

import pytest
from playwright.sync_api import expect

HEAD = "<table><thead><tr><th>Pod</th><th>Node</th><th>CPU</th></tr></thead>"


def row(pk, node, version=1):
    return (
        f"<tr data-row='{pk}' data-version='{version}' data-place='' data-facts='{{}}'>"
        f"<th class='first'>pod-{pk}</th>"
        f"<td class='node'>{node}</td><td><span class='spark' data-spark='cpu-{pk}'></span></td></tr>"
    )


def section(*rows):
    return (
        '<section><button type="button" data-action="show-changes" hidden></button>'
        '<div class="grid" data-behaviour="live-table sparklines" data-sparks="/sparks" data-page-url="/rows"'
        f' data-topic="workload:7">{HEAD}<tbody data-before="" data-after="">{"".join(rows)}</tbody></table>'
        '</div><footer id="foot"></footer></section>'
    )


def drawings(query):
    ids = query.removeprefix("of=").replace("%2C", ",").split(",")
    parts = (
        f'<span data-drawn="cpu-{pk}"><svg class="sparkline"><title>CPU of {pk}</title></svg>'
        f'<span class="num">{pk}.5</span></span>'
        for pk in ids
    )
    return f"<div>{''.join(parts)}</div>"


@pytest.fixture
def table(stage):
    opened = stage(section(row(1, "a"), row(2, "a")), answers={"/sparks": drawings})
    opened.page.evaluate("window.htmx = { process() {} }")
    expect(opened.page.locator(".spark").nth(1)).to_have_text("CPU of 22.5")
    return opened


def asked(table):
    return [url for url in table.asked if url.startswith("/sparks")]


def test_all_rows_are_drawn_by_one_request(table):
    expect(table.page.locator(".spark svg")).to_have_count(2)
    assert asked(table) == ["/sparks?of=1,2"]


def test_a_row_that_changes_keeps_its_drawing_and_one_that_comes_gets_one(table):
    table.page.evaluate("document.querySelector('.spark').dataset.mine = ''")
    table.answers["/page"] = table.answers["/rows"] = section(row(3, "c"), row(1, "b", 2), row(2, "a"))
    table.say(topic="workload:7", hint=2)
    expect(table.page.locator("tr[data-row='1'] .node")).to_have_text("b")
    expect(table.page.locator("tr[data-row='3'] .spark")).to_contain_text("3.5")
    expect(table.page.locator("tr[data-row='1'] .spark")).to_contain_text("1.5")


def test_what_the_server_does_not_draw_is_not_asked_for_again_with_each_row_that_comes(stage):
    opened = stage(section(row(1, "a"), row(2, "a")), answers={"/sparks": lambda query: drawings("of=1")})
    expect(opened.page.locator("tr[data-row='1'] .spark")).to_contain_text("1.5")
    for _ in range(3):
        opened.page.evaluate("document.dispatchEvent(new Event('runyard:rows'))")
        opened.page.wait_for_timeout(1_200)  # a renewal waits for a second
    assert asked(opened) == ["/sparks?of=1,2"]


def test_what_cannot_be_drawn_leaves_the_cell_as_it_was(stage):
    opened = stage(section(row(1, "a")))  # there is no /sparks: 404
    opened.wait_for("document.querySelector('.spark')")
    expect(opened.page.locator(".spark")).to_be_empty()
