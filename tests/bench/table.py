"""The table of workloads at 10,000 and 100,000 rows: over HTTP, in Chromium, and its queries by themselves.

Each figure is set against a yardstick of the same run (`tests.bench.yardsticks`); `tests.bench.table_rows`
makes the rows and times the queries in a process of its own.
"""

import http.client
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from playwright.sync_api import Page

from runyardctl.postgres import Postgres
from tests.bench.export import environment_of, serving
from tests.bench.report import Result, median
from tests.journeys.browser import Session, chromium

FEW, MANY = 10_000, 100_000
ROUNDS, REQUESTS, PAINTS = 5, 30, 9

# Milliseconds from the start of the navigation to the frame in which the first row stands.
PAINTED = """() => {
  const look = () => document.querySelector("tr[data-row]")
    ? requestAnimationFrame(() => setTimeout(() => { window.painted = performance.now(); }))
    : requestAnimationFrame(look);
  look();
}"""


def measure() -> Iterator[Result]:
    """In a new home under the temporary folder, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="runyard-bench-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        (home / "static").mkdir()
        with Postgres(home).running() as url:
            environment = environment_of(home, url) | {"DJANGO_SETTINGS_MODULE": "tests.bench.settings"}
            for count in (FEW, MANY):
                facts = _rows(environment, count)
                with _visitor(environment, facts) as visitor:
                    visitor.save(home)
                    yield visitor.first_rows(count)
                    if count == MANY:
                        yield from visitor.pages()
                        yield from _queries(facts)


def _rows(environment: dict[str, str], count: int) -> dict:
    command = [sys.executable, "-m", "tests.bench.table_rows", str(count)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment).stdout)


class Visitor:
    """Somebody signed in, over one connection that stays."""

    def __init__(self, port: int, server: psutil.Process, facts: dict) -> None:
        self._port, self._server, self._facts = port, server, facts
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._cookie = f"{facts['cookie']['name']}={facts['cookie']['value']}"

    def get(self, path: str) -> bytes:
        self._connection.request("GET", path, headers={"Cookie": self._cookie})
        response = self._connection.getresponse()
        body = response.read()
        assert response.status == 200, body[:500]
        return body

    def save(self, home: Path) -> None:
        """What `bench/static` serves from now on."""
        (home / "static-page.html").write_bytes(self.get(self._facts["path"]))

    def pages(self) -> list[Result]:
        self._connection.close()  # idle for too long by now; the next request opens it again
        first, beside = self._facts["path"], "/bench/values"
        page, values = self._in_turn(self._cpu, first, beside)
        far, near = self._in_turn(self._wall, f"{first}?after={self._facts['page_1000']}", first)
        return [
            _result("page of 50, CPU of the server", page, ".values() by orjson", values, 3),
            _result("page 1,000", far, "page 1", near, 2),
        ]

    def _in_turn(self, measured: Callable[[str], float], *paths: str) -> list[float]:
        """Medians of ROUNDS, milliseconds a request, taken in turn after a round that loads the code."""
        rounds = [[measured(path) for path in paths] for _ in range(ROUNDS + 1)][1:]
        return [median(list(column)) for column in zip(*rounds, strict=True)]

    def _cpu(self, path: str) -> float:
        before = self._server.cpu_times()
        for _ in range(REQUESTS):
            self.get(path)
        after = self._server.cpu_times()
        return (after.user + after.system - before.user - before.system) / REQUESTS * 1000

    def _wall(self, path: str) -> float:
        return median([_milliseconds(lambda: self.get(path)) for _ in range(REQUESTS)])

    def first_rows(self, count: int) -> Result:
        """A browser that has the scripts and styles already: what is measured is the page."""
        url = f"http://127.0.0.1:{self._port}"
        with chromium() as browser:
            session = Session(browser, url)
            session.context.add_cookies([self._facts["cookie"] | {"url": url}])
            session.context.add_init_script(f"({PAINTED})()")
            page = session.page()
            rounds = [
                [_painted(page, path) for path in (self._facts["path"], "/bench/static")]
                for _ in range(PAINTS + 2)
            ]
            session.close()
        ours, static = (median(list(column)) for column in zip(*rounds[2:], strict=True))
        return _result(
            f"first rows in Chromium, {count:,} workloads", ours, "the same page, saved", static, 1.2
        )


def _result(what: str, ours: float, yardstick: str, theirs: float, most: float) -> Result:
    """Milliseconds, at most `most` times those of the yardstick."""
    ratio, words = ours / theirs, f"{yardstick}, {theirs:.1f} ms"
    return Result(what, f"{ours:.1f} ms", words, ratio, f"<= {most}x", ratio <= most)


@contextmanager
def _visitor(environment: dict[str, str], facts: dict) -> Iterator[Visitor]:
    with serving(environment) as (port, server):
        yield Visitor(port, server, facts)


def _painted(page: Page, path: str) -> float:
    page.goto(path, wait_until="commit")
    while not (painted := page.evaluate("window.painted")):
        page.wait_for_timeout(5)
    return painted


def _milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def _queries(facts: dict) -> Iterator[Result]:
    """What `tests.bench.table_rows` timed."""
    found, unindexed = facts["search"], facts["icontains"]
    words, gain = f"un-indexed icontains, {unindexed:.1f} ms", unindexed / found
    yield Result("search with 2 hits", f"{found:.1f} ms", words, gain, ">= 30x", gain >= 30)
    for name, milliseconds in facts["milliseconds"].items():
        yield Result(name, f"{milliseconds:.1f} ms", "", None, "", True)
