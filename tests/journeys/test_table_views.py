"""Saved views in a real browser: kept, left, reset, and deleted after a question."""

import re

from playwright.sync_api import Page, expect

from tests.journeys.browser import assert_accessible
from tests.journeys.pages import live


def views(page: Page, name: str):
    """The button that names the view, which is `name`."""
    return page.get_by_role("button", name=re.compile(f"^Views: {name}$"))


def test_a_view_is_kept_changed_reset_and_deleted(signed_in: Page):
    page = signed_in
    page.goto("/workloads/?phase=Failed&sort=-gpus")
    live(page)
    views(page, "All workloads, changed").click()
    page.get_by_label("Name of the new view").fill("Failed, biggest first")
    page.locator("#views").get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved the view “Failed, biggest first”.")).to_be_visible()

    views(page, "Failed, biggest first").click()
    assert_accessible(page)
    page.get_by_role("link", name="All workloads").click()
    views(page, "All workloads").click()
    page.get_by_role("link", name="Failed, biggest first").click()
    expect(page).to_have_url(re.compile(r"phase=Failed.*view=\d+"))
    live(page)

    page.get_by_label("Search in the table").fill("nothing like this")
    views(page, "Failed, biggest first, changed").click()
    page.get_by_role("link", name="Reset").click()
    expect(page.get_by_label("Search in the table")).to_have_value("")

    views(page, "Failed, biggest first").click()
    page.locator("summary", has_text="Change “").click()
    page.locator("#views").get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog", name="Delete the view “Failed, biggest first”?")
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Deleted the view “Failed, biggest first”.")).to_be_visible()
    expect(views(page, "All workloads, changed")).to_be_visible()
