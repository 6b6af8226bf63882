"""A long table: scrolled through and back, its columns made wider and narrow again."""

import csv
import subprocess
import sys
import time

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.browser import assert_accessible
from tests.journeys.pages import LATER, live, mouse_away, picture
from tests.product import Up

ROWS = "tr[data-row]"
SEEN = "[data-range]"


@pytest.fixture(scope="module")
def demo(product: Up) -> None:
    """1,200 workloads of the demo cluster, made by the command that people use."""
    argv = [sys.executable, "-m", "runyardctl", "manage", "demo", "--workloads", "1200"]
    subprocess.run(argv, env=product.env, check=True, capture_output=True, timeout=120)


@pytest.fixture
def table(signed_in: Page, demo: None) -> Page:
    signed_in.goto("/workloads/?view=all&cluster=demo&sort=name")
    live(signed_in)
    expect(signed_in.locator(SEEN)).to_contain_text("rows 1–")
    return signed_in


def test_gpus_that_work_and_gpus_that_idle_are_told_apart(table: Page):
    table.goto("/workloads/?view=all&cluster=demo")
    live(table)
    expect(table.locator(f"{ROWS} .meter:not(.low)").first).to_be_visible()
    expect(table.locator(f"{ROWS} .meter.low").first).to_be_visible()
    picture(table, "workloads")
    for scheme in ("light", "dark"):
        table.emulate_media(color_scheme=scheme)
        assert_accessible(table)


def names(page: Page) -> list[str]:
    return page.locator(f"{ROWS} th.first").all_inner_texts()


def test_a_thousand_rows_are_scrolled_through_with_a_hundred_in_the_page(table: Page):
    first = names(table)
    seen: list[str] = list(first)
    table.locator(".grid").hover()
    ends = time.monotonic() + LATER / 1000
    while len(seen) < 1000:
        assert time.monotonic() < ends, f"only {len(seen)} rows"
        table.mouse.wheel(0, 1200)
        now = names(table)
        assert len(now) <= 100
        seen += [name for name in now if name not in seen]
        table.wait_for_timeout(20)
    file = table.request.get("/workloads/workloads.csv?cluster=demo&sort=name&columns=name").text()
    every = [line["Name"] for line in csv.DictReader(file.lstrip("\ufeff").splitlines())]
    assert seen == every[: len(seen)], "rows follow each other without a gap"
    table.keyboard.press("Home")
    expect(table.locator(SEEN)).to_contain_text("rows 1–")
    expect(table.locator(f"{ROWS} th.first").first).to_have_text(first[0])
    expect(table.locator(f"{ROWS} th.first").nth(49)).to_have_text(first[49])
    assert names(table)[:50] == first[:50]
    assert_accessible(table)


def test_going_back_from_a_workload_leads_to_the_rows_one_left(table: Page):
    table.locator(".grid").hover()
    ends = time.monotonic() + LATER / 1000
    while int(table.locator(f"{ROWS}[aria-rowindex]").last.get_attribute("aria-rowindex")) < 700:
        assert time.monotonic() < ends
        table.mouse.wheel(0, 1200)
        table.wait_for_timeout(20)
    table.mouse.wheel(0, -600)
    expect(table.locator("tfoot [role=status]")).to_be_hidden()
    link = table.locator(f"{ROWS} th.first a").nth(60)
    name, url = link.inner_text(), table.url
    link.click()
    expect(table.get_by_role("heading", name=name, exact=True)).to_be_visible(timeout=LATER)
    table.go_back()
    table.wait_for_url(url)
    again = table.get_by_role("link", name=name, exact=True)
    expect(again).to_be_focused(timeout=LATER)
    expect(again).to_be_in_viewport()
    assert len(names(table)) <= 100


def test_the_width_of_a_column_is_kept(table: Page):
    edge = table.get_by_role("separator", name="Width of Status")
    before = table.locator("th[data-column=status]").bounding_box()["width"]
    box = edge.bounding_box()
    table.mouse.move(box["x"] + 4, box["y"] + 10)
    table.mouse.down()
    table.mouse.move(box["x"] + 84, box["y"] + 10, steps=8)
    with table.expect_response("**/workloads/columns") as kept:
        table.mouse.up()
    assert kept.value.ok or kept.value.status == 302
    mouse_away(table)
    table.reload()
    live(table)
    now = table.locator("th[data-column=status]").bounding_box()["width"]
    assert round(now - before) == 80
    table.get_by_role("button", name="Columns").click()
    table.get_by_role("button", name="Reset to default").click()
    expect(table.locator("table[data-exact]")).to_have_count(0, timeout=LATER)
