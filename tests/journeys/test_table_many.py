"""All that match, more than the browser holds: selected, one left out, deleted in the background."""

import re
import subprocess
import sys

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.browser import NARROW, assert_accessible, assert_no_sideways_scroll
from tests.journeys.pages import LATER, live
from tests.product import Up

COMPLETED = "/workloads/?phase=Completed&sort=name"


@pytest.fixture(scope="module")
def demo(product: Up) -> None:
    """Three hundred demo rows; more than half of them have completed."""
    command = [sys.executable, "-m", "runyardctl", "demo", "--workloads", "300"]
    subprocess.run(command, env=product.env, check=True, capture_output=True, timeout=120)


def test_all_that_match_but_one_are_deleted(signed_in: Page, demo: None):
    signed_in.goto(COMPLETED)
    live(signed_in)
    signed_in.get_by_label("Select all on this page").click()
    offer = signed_in.get_by_role("button", name="that match")
    matching = int(re.sub(r"\D", "", offer.inner_text()))
    assert matching > 100  # else it would not go on in the background
    offer.click()
    count = signed_in.locator("[data-count]")
    expect(count).to_have_text(f"{matching} selected")
    assert_accessible(signed_in)

    kept = signed_in.locator("tr[data-row]").first.get_by_role("rowheader").inner_text()
    signed_in.get_by_label(f"Select {kept}", exact=True).uncheck()
    expect(count).to_have_text(f"{matching - 1} selected")
    signed_in.locator("#bulk").get_by_role("button", name="Delete").click()
    dialog = signed_in.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_have_text(f"Delete {matching - 1} workloads?")
    assert_accessible(signed_in)
    dialog.get_by_label("type delete to go on").fill("delete")
    dialog.get_by_role("button", name=f"Delete {matching - 1}").click()

    card = signed_in.locator(".toast.bulk")
    expect(card).to_contain_text(f"Deleting {matching - 1} workloads", timeout=LATER)
    assert_accessible(signed_in)
    expect(signed_in.locator("tr[data-row]")).to_have_count(1, timeout=LATER)
    expect(signed_in.locator("tr[data-row]").get_by_role("rowheader")).to_have_text(kept)
    expect(signed_in.locator("#bulk")).to_be_hidden()


def test_its_page_says_what_came_of_it(signed_in: Page, demo: None):
    signed_in.goto("/workloads/bulk/1")
    expect(signed_in.get_by_role("heading", level=1)).to_contain_text("Deleting")
    assert_accessible(signed_in)
    signed_in.set_viewport_size(NARROW)
    assert_no_sideways_scroll(signed_in)
