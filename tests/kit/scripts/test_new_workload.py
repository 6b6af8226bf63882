"""The New Workload form in the browser: what a preview tells of its fields."""

import json

import pytest
from playwright.sync_api import expect

from tests.kit.scripts.test_last_asked import HTMX


def side(**placeholders):
    return f"<section data-placeholders='{json.dumps(placeholders)}'></section>"


@pytest.fixture
def form(stage):
    body = (
        '<form id="new" method="post" data-behaviour="new-workload" hx-post="/preview" hx-trigger="change"'
        ' hx-target="#side"><select name="tool-kind"><option value=""></option><option>jupyter</option>'
        '</select><input name="image" placeholder="an example"><textarea name="command"></textarea>'
        f'<div id="side">{side(image="an example", command="")}</div></form>'
    )
    opened = stage(body)
    opened.page.add_script_tag(path=HTMX)
    return opened


def test_a_tool_that_is_chosen_shows_what_it_brings(form):
    form.answers["/preview"] = side(image="a/notebook", command="lab --port=1")
    form.page.locator("select").select_option("jupyter")
    expect(form.page.locator("[name=image]")).to_have_attribute("placeholder", "a/notebook")
    expect(form.page.locator("[name=command]")).to_have_attribute("placeholder", "lab --port=1")
    form.answers["/preview"] = side(image="an example", command="")
    form.page.locator("select").select_option("")
    expect(form.page.locator("[name=image]")).to_have_attribute("placeholder", "an example")
