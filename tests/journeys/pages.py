"""What a person does and sees on the pages, by the words and roles that are there. Used by the journeys."""

import os
import re
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.journeys.browser import wait_for_behaviours

HERE = Path(__file__).parent
IMAGES = HERE.parents[1] / "docs" / "images"
LATER = 90_000  # milliseconds
TO_THE_TOP = """() => {
  document.activeElement.blur();
  for (const part of [window, document.getElementById("main")]) part.scrollTo(0, 0);
}"""


def python(code: str) -> str:
    """The command that runs `code` with this Python."""
    return shlex.join([sys.executable, "-uc", code])


def counting(starts: Path, period: float = 0.1) -> str:
    """The command that counts, and notes each of its starts in `starts`."""
    return shlex.join([sys.executable, str(HERE / "counting.py"), str(starts), str(period)])


def live(page: Page) -> None:
    """Wait until the page says that it is live, and hears what one does to it."""
    expect(page.locator(".status .live")).to_have_attribute("data-state", "live", timeout=LATER)
    wait_for_behaviours(page)


def until(page: Page, fact: Callable[[], bool]) -> None:
    """Let the page go on until `fact()`."""
    ends = time.monotonic() + LATER / 1000
    while not fact():
        assert time.monotonic() < ends, f"in vain, at {page.url}"
        page.wait_for_timeout(50)


def row(page: Page, name: str) -> Locator:
    return page.locator("tr[data-row]").filter(has=page.get_by_role("rowheader", name=name, exact=True))


def status(page: Page, name: str) -> Locator:
    """The status cell of a row of the table."""
    return row(page, name).locator("td[data-column=status]")


def expect_status(page: Page, name: str, words: str) -> None:
    expect(status(page, name)).to_contain_text(words, timeout=LATER)


def expect_now(page: Page, phase: str) -> None:
    """The phase in the head of a workload's page."""
    expect(page.locator(".now .phase")).to_have_text(phase, timeout=LATER)


def confirm(page: Page, title: str, button: str) -> None:
    """The dialog asks `title`; press `button`, and it is gone."""
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_have_text(title)
    dialog.get_by_role("button", name=button, exact=True).click()
    expect(dialog).to_be_hidden()


def mouse_away(page: Page) -> None:
    """Over the head of the page, so that the table may move."""
    page.mouse.move(400, 5)


def log_rows(page: Page) -> Locator:
    return page.locator("section.log .log-row")


def last_count(page: Page) -> int:
    """The number in the last counting line that the log shows; -1 when there is none yet."""
    lines = log_rows(page).all_inner_texts()
    numbers = [int(found[1]) for line in lines if (found := re.search(r"count (\d+) of", line))]
    return max(numbers, default=-1)


def expect_log_to_grow(page: Page, by: int = 5) -> None:
    """New lines appear while one watches."""
    until(page, lambda: last_count(page) >= 0)
    start = last_count(page)
    until(page, lambda: last_count(page) >= start + by)


def picture(page: Page, name: str) -> None:
    """Write docs/images/NAME.png where RUNYARD_SCREENSHOTS asks for pictures."""
    if not os.environ.get("RUNYARD_SCREENSHOTS"):
        return
    mouse_away(page)
    for toast in page.locator(".toast [data-action=dismiss]").all():
        toast.click()
    page.evaluate(
        "document.activeElement.blur(); scrollTo(0, 0); document.querySelector('main').scrollTo(0, 0)"
    )
    IMAGES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=IMAGES / f"{name}.png", animations="disabled")
