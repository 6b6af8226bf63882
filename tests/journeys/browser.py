"""Chromium for the journeys: pages that remember every error, and are held to axe, light and dark.

Owned by this folder's conftest. Playwright's loop runs in the main thread: nothing here touches Django.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
expect.set_options(timeout=60_000)  # a page is judged by what it comes to, not by how busy the machine is
# main.js imports what the page names, each module once: whoever imports it later goes on later.
STARTED = """async () => {
  const { src } = document.querySelector("script[type=module][src*='/js/main']");
  for (const element of document.querySelectorAll("[data-behaviour]")) {
    for (const name of element.dataset.behaviour.split(" ")) await import(new URL(`${name}.js`, src).href);
  }
  await new Promise((done) => setTimeout(done));
}"""
GRAVE = ("serious", "critical")
# What the browser itself says of a server that was killed on purpose.
AWAY = re.compile(
    r"WebSocket connection to|ERR_CONNECTION_|ERR_EMPTY_RESPONSE|status of 5\d\d|htmx:sendError"
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    path = shutil.which("chromium")
    assert path, "Chromium is not installed: make test does it, or apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(SWITCHES))
        yield browser
        browser.close()


class Session:
    """One person's browser: a context whose pages collect console errors and uncaught exceptions."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.context: BrowserContext = browser.new_context(base_url=url, viewport=WIDE, locale="en-GB")
        self.context.set_default_timeout(60_000)
        self.context.on("console", self._heard)
        self.context.on("weberror", lambda error: self._errors.append(f"uncaught: {error.error}"))
        self._errors: list[str] = []

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._errors.append(f"{message.text} ({message.location.get('url', '')})")

    def page(self) -> Page:
        return self.context.new_page()

    def forgive(self, expected: re.Pattern[str]) -> None:
        """Drop the errors so far that match: those a test has provoked on purpose."""
        self._errors = [error for error in self._errors if not expected.search(error)]

    def check(self) -> None:
        """Fail when anything was said to the console that should not have been."""
        errors, self._errors = self._errors, []
        assert not errors, "\n".join(["errors in the browser's console:", *errors])

    def close(self) -> None:
        self.context.close()


def wait_for_behaviours(page: Page) -> None:
    """All that the page names have started: from now on what one does to it is heard."""
    page.evaluate(STARTED)


def assert_accessible(page: Page, but: str = "") -> None:
    """axe finds nothing serious on the page as it stands, light and dark, `but` (a selector) aside."""
    context = {"exclude": [[but]]} if but else None
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found = [one for one in Axe().run(page, context).response["violations"] if one["impact"] in GRAVE]
        assert not found, f"axe, {scheme}, {page.url}:\n" + "\n".join(map(_words, found))


def _words(violation: dict) -> str:
    places = "\n".join(f"    {node['target']} {node['html'][:200]}" for node in violation["nodes"][:5])
    return f"  {violation['id']} ({violation['impact']}): {violation['help']}\n{places}"


def assert_no_sideways_scroll(page: Page) -> None:
    """The page itself is no wider than the window; what is in it may scroll inside itself."""
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{page.url} is {wide} px too wide"
