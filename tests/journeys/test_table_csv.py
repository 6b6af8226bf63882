"""The table as a file, by keyboard: from the menu to the rows."""

import csv
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.journeys.browser import assert_accessible
from tests.journeys.pages import live, python
from tests.product import Api


def test_the_table_downloads_by_keyboard_as_it_is_shown(signed_in: Page, api: Api, tmp_path: Path):
    pk = api.submit("export-me", python("import time; time.sleep(600)"))
    api.wait(pk, "Running")
    signed_in.goto("/workloads/?q=export-me&columns=name,gpus")
    live(signed_in)
    signed_in.get_by_role("button", name="More").focus()
    signed_in.keyboard.press("Enter")
    link = signed_in.get_by_role("link", name="Download as CSV", exact=True)
    expect(link).to_be_focused()
    assert_accessible(signed_in)
    with signed_in.expect_download() as download:
        signed_in.keyboard.press("Enter")
    download.value.save_as(file := tmp_path / "rows.csv")
    with file.open(newline="", encoding="utf-8") as lines:
        assert list(csv.reader(lines)) == [["Name", "GPUs", "Row count"], ["export-me", "0", "1"]]
    assert download.value.suggested_filename.startswith("workloads-all-")
    api.delete(pk)
