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
        ' hx-target="#side"><fieldset data-rows=".tool"><div class="tool"><select name="tool-kind">'
        '<option value="" data-name="its name" data-port="port" data-path="/path"></option>'
        '<option data-name="jupyter" data-port="8888" data-path="/lab">jupyter</option></select>'
        '<input name="tool-name"><input name="tool-port"><input name="tool-path">'
        '<button type="button" data-action="remove">x</button></div>'
        '<button type="button" data-action="add">+</button></fieldset>'
        '<input name="image" placeholder="an example"><textarea name="command"></textarea>'
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


def usual(form, row):
    """What stands in the empty fields of a row of tools."""
    return [
        field.get_attribute("placeholder")
        for field in form.page.locator(".tool").nth(row).locator("input").all()
    ]


def test_a_tool_that_is_chosen_shows_its_usual_name_port_and_path(form):
    none, jupyter = ["its name", "port", "/path"], ["jupyter", "8888", "/lab"]
    assert usual(form, 0) == none
    form.page.locator("select").select_option("jupyter")
    assert usual(form, 0) == jupyter
    form.page.locator("[data-action=add]").click()
    assert (usual(form, 0), usual(form, 1)) == (jupyter, none)
    form.page.locator("[data-action=remove]").last.click()
    form.page.locator("[data-action=remove]").click()
    assert usual(form, 0) == none
