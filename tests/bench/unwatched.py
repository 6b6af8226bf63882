"""Chromium with nothing attached to its network.

Playwright hears every frame of every websocket: each is copied to its two processes, at several times the
cost of showing it. So what is measured here is not driven by it.
"""

import itertools
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

from runyardctl.poll import until
from tests.journeys.browser import SWITCHES, WIDE

PATIENCE = 60


class Page:
    """The one page of such a browser."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection, self._numbers = connection, itertools.count(1)

    def tell(self, method: str, **params: Any) -> dict[str, Any]:
        """A command of the browser's own protocol; its answer."""
        number = next(self._numbers)
        self._connection.send(json.dumps({"id": number, "method": method, "params": params}))
        while (answer := json.loads(self._connection.recv(PATIENCE))).get("id") != number:
            continue
        assert "error" not in answer, answer
        return answer["result"]

    def goto(self, url: str) -> None:
        self.tell("Page.navigate", url=url)
        self.until(f"location.href === {json.dumps(url)} && document.readyState === 'complete'")

    def evaluate(self, expression: str) -> Any:
        """Its value, or what its promise comes to."""
        options = {"returnByValue": True, "awaitPromise": True}
        return self.tell("Runtime.evaluate", expression=expression, **options)["result"].get("value")

    def until(self, expression: str, pause: float = 0.02) -> None:
        assert until(lambda: self.evaluate(f"Boolean({expression})"), PATIENCE, pause), expression


@contextmanager
def unwatched(cookies: list[dict[str, Any]], url: str) -> Iterator[Page]:
    """A page of a new browser, which has these cookies for `url`."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        size = f"--window-size={WIDE['width']},{WIDE['height']}"
        switches = [*SWITCHES, "--headless", size, "--remote-debugging-port=0", f"--user-data-dir={folder}"]
        path = shutil.which("chromium")
        assert path, "Chromium is not installed"
        with subprocess.Popen([path, *switches], stderr=subprocess.DEVNULL) as browser:
            try:
                with connect(_address(Path(folder)), max_size=None) as connection:
                    page = Page(connection)
                    for cookie in cookies:
                        page.tell("Network.setCookie", name=cookie["name"], value=cookie["value"], url=url)
                    yield page
            finally:
                browser.terminate()


def _address(folder: Path) -> str:
    """Where the browser takes commands for its page, once it does."""
    file = folder / "DevToolsActivePort"
    assert until(lambda: file.is_file() and "\n" in file.read_text(), PATIENCE), "Chromium does not start"
    port = file.read_text().split("\n")[0]
    pages = [one for one in httpx.get(f"http://127.0.0.1:{port}/json").json() if one["type"] == "page"]
    return str(pages[0]["webSocketDebuggerUrl"])
