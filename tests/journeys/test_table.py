"""The table of workloads: many at once, by keyboard alone, on a telephone, and calm under the pointer."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.browser import NARROW, assert_accessible, assert_no_sideways_scroll
from tests.journeys.pages import LATER, confirm, expect_status, live, mouse_away, python, row
from tests.product import Api

SLEEP = python("import time; time.sleep(600)")


@pytest.fixture(scope="module")
def three(api: Api) -> Iterator[list[str]]:
    """Names of three that run; whatever became of them, they are gone afterwards."""
    names = ["bulk-one", "bulk-three", "bulk-two"]
    ids = [api.submit(name, SLEEP) for name in names]
    for pk in ids:
        api.wait(pk, "Running")
    yield names
    for pk in ids:
        if not api.read(pk)["deleted_at"]:
            api.delete(pk)


@pytest.fixture
def table(signed_in: Page, three: list[str]) -> Page:
    """The table of these three, by name."""
    signed_in.goto("/workloads/?q=bulk-&sort=name")
    live(signed_in)
    return signed_in


def test_the_keyboard_is_enough(table: Page, three: list[str]):
    cursor = table.locator("tr[data-cursor] th.first")
    for key, name in (("j", three[0]), ("j", three[1]), ("j", three[2]), ("k", three[1])):
        table.keyboard.press(key)
        expect(cursor).to_have_text(name)
    table.keyboard.press("x")
    expect(row(table, three[1]).get_by_role("checkbox")).to_be_checked()
    expect(table.locator("[data-count]")).to_have_text("1 selected")
    table.keyboard.press("Escape")
    expect(row(table, three[1]).get_by_role("checkbox")).not_to_be_checked()

    table.keyboard.press("?")
    expect(table.get_by_role("dialog").get_by_role("heading")).to_have_text("Keyboard shortcuts")
    assert_accessible(table)
    table.keyboard.press("Escape")
    expect(table.get_by_role("dialog")).to_be_hidden()
    table.keyboard.press("/")
    expect(table.get_by_label("Search all workloads")).to_be_focused()
    table.keyboard.type("bulk-two")
    table.keyboard.press("Enter")
    table.wait_for_url("**q=bulk-two**")
    live(table)
    expect(table.locator("tr[data-row]")).to_have_count(1)
    table.keyboard.press("j")
    table.keyboard.press("Enter")
    expect(table.get_by_role("heading", name="bulk-two")).to_be_visible()


def test_rows_do_not_move_under_the_pointer(table: Page, api: Api):
    row(table, "bulk-one").hover()
    pk = api.submit("bulk-late", SLEEP)
    pill = table.get_by_role("button", name="1 change")
    expect(pill).to_be_visible(timeout=LATER)
    expect(row(table, "bulk-late")).to_have_count(0)
    pill.click()
    expect(row(table, "bulk-late")).to_have_count(1)
    api.delete(pk)
    mouse_away(table)
    expect(row(table, "bulk-late")).to_have_count(0, timeout=LATER)


def test_what_changes_is_sent_to_the_page_and_not_fetched_by_it(table: Page, api: Api):
    fetched: list[str] = []
    table.on(
        "request", lambda request: fetched.append(request.url) if "/workloads/rows" in request.url else None
    )
    pk = api.named("bulk-two")[0]["id"]
    api.act(pk, "stop")
    expect_status(table, "bulk-two", "Stopped")
    api.act(pk, "run")
    expect_status(table, "bulk-two", "Running")
    assert not fetched


def test_the_navigation_is_narrowed_to_icons_and_a_telephone_has_it_in_the_menu(table: Page):
    pages = table.get_by_role("navigation", name="Pages")
    words = pages.get_by_text("Overview", exact=True)
    expect(words).to_be_visible()
    table.get_by_role("button", name="Narrow navigation").click()
    expect(words).to_be_hidden()
    expect(pages.locator("#workload-count")).to_be_hidden()
    expect(pages.get_by_role("link", name="Overview")).to_be_visible()
    assert_accessible(table)
    table.get_by_role("button", name="Narrow navigation").click()
    table.set_viewport_size(NARROW)
    expect(pages).to_be_hidden()
    table.get_by_label("admin", exact=True).click()
    expect(pages.get_by_role("link", name="Workloads")).to_have_attribute("aria-current", "page")
    assert_accessible(table)
    pages.get_by_role("link", name="Overview").click()
    expect(table.get_by_role("heading", name="Overview", level=1)).to_be_visible()


def test_the_table_and_a_workload_fit_a_telephone(table: Page):
    table.set_viewport_size(NARROW)
    assert_no_sideways_scroll(table)
    assert_accessible(table)
    row(table, "bulk-one").get_by_role("link", name="bulk-one", exact=True).click()
    expect(table.get_by_role("heading", name="bulk-one")).to_be_visible()
    for tab in ("Event history", "Pods", "Logs"):
        table.get_by_role("link", name=tab).first.click()
        expect(table.get_by_role("link", name=tab).first).to_have_attribute("aria-current", "page")
        assert_no_sideways_scroll(table)
        assert_accessible(table)


def test_three_are_stopped_together_then_deleted(table: Page, three: list[str]):
    select_all(table, three)
    assert_accessible(table)
    press(table, "Stop")
    confirm(table, "Stop 3 workloads?", "Stop 3")
    mouse_away(table)
    for name in three:
        expect_status(table, name, "Stopped")
    expect(table.locator("#bulk")).to_be_hidden()  # what was stopped is selected no more
    select_all(table, three)
    expect(table.get_by_role("button", name="Stop", exact=True)).to_be_disabled()
    press(table, "Delete")
    confirm(table, "Delete 3 workloads?", "Delete 3")
    mouse_away(table)
    for name in three:
        expect(row(table, name)).to_have_count(0, timeout=LATER)


def select_all(table: Page, names: list[str]) -> None:
    for name in names:
        row(table, name).get_by_role("checkbox").check()
    expect(table.locator("[data-count]")).to_have_text("3 selected")


def press(table: Page, label: str) -> None:
    table.locator("#bulk").get_by_role("button", name=label, exact=True).click()
