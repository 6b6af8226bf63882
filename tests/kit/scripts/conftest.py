"""A browser with our scripts and a socket that says what the test wants; no server, no database.

Package-scoped, as the browser holds the main thread's event loop while it runs.
"""

import json
import mimetypes
import time
from pathlib import Path

import pytest

from tests.journeys.browser import chromium, wait_for_behaviours

STATIC = Path(__file__).parents[3] / "static"
SITE = "http://runyard.test"
PATIENCE = 60  # seconds; what is waited for comes at once unless the machine is busy


@pytest.fixture(scope="package")
def browser():
    with chromium() as running:
        yield running


class Stage:
    """A page that holds `body`, our styles and scripts, and the server's side of its socket."""

    def __init__(self, browser, body, styles=("tokens", "base", "workload", "log"), hash="", answers=None):
        links = "".join(f'<link rel="stylesheet" href="/static/css/{name}.css">' for name in styles)
        self._html = (
            f'<!doctype html><html lang="en"><head><script src="/static/js/theme.js"></script>{links}'
            f'<script type="module" src="/static/js/main.js"></script></head><body>{body}'
            '<div id="announcer"></div></body></html>'
        )
        self.sockets, self.heard, self.asked = [], [], []
        self.answers = {
            "/page": self._html,
            **(answers or {}),
        }  # path: HTML, or a status and that, or a function from the query string to either
        self.page = browser.new_page(viewport={"width": 1000, "height": 700})
        self.page.set_default_timeout(PATIENCE * 1_000)
        self.page.route("**/*", self._serve)
        self.page.route_web_socket("**/live", self._connect)
        self.page.goto(f"{SITE}/page{hash}")
        wait_for_behaviours(self.page)

    def _serve(self, route):
        path, _, query = route.request.url.removeprefix(SITE).partition("?")
        self.asked.append(route.request.url.removeprefix(SITE))
        file = STATIC / path.removeprefix("/static/")
        if path in self.answers:
            answer = self.answers[path]
            found = answer(query) if callable(answer) else answer
            status, html = found if isinstance(found, tuple) else (200, found)
            route.fulfill(status=status, body=html, content_type="text/html; charset=utf-8")
        elif path.startswith("/static/") and file.is_file():
            route.fulfill(path=file, content_type=mimetypes.guess_type(file.name)[0])
        else:
            route.fulfill(status=404)

    def _connect(self, socket):
        self.sockets.append(socket)
        socket.on_message(lambda text: self._receive(socket, json.loads(text)))
        socket.send(json.dumps({"state": "live", "why": ""}))

    def _receive(self, socket, message):
        self.heard.append(message)
        if "subscribe" in message:
            socket.send(json.dumps({"topic": message["subscribe"], "subscribed": True}))

    def say(self, **message):
        """A frame from the server."""
        self.sockets[-1].send(json.dumps(message))

    def say_lines(self, topic, first, lines):
        """Lines of a log as (time, text), as the server sends them."""
        head = json.dumps({"topic": topic, "from": first, "count": len(lines)})
        text = "".join(f"{time} {line}\n" for time, line in lines)
        self.sockets[-1].send(f"{head}\n{text}".encode())

    def wait_for(self, expression, arg=None):
        self.page.wait_for_function(expression, arg=arg)

    def until(self, fact):
        """Let the page go on until `fact()` is true here, of what it said or asked for; returns its value."""
        ends = time.monotonic() + PATIENCE
        while not (found := fact()):
            assert time.monotonic() < ends, f"in vain; the page said {self.heard}, asked for {self.asked}"
            self.page.wait_for_timeout(20)
        return found

    def until_heard(self, message):
        self.until(lambda: message in self.heard)

    def until_fetched_again(self):
        """The page has asked for itself, as it does once its subscription is confirmed."""
        self.until(lambda: "/page?" in self.asked)


@pytest.fixture
def stage(browser):
    """`stage(body)` opens a Stage."""
    opened = []

    def open_stage(body, **options):
        opened.append(Stage(browser, body, **options))
        return opened[-1]

    yield open_stage
    for one in opened:
        one.page.close()
