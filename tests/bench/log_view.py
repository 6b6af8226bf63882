"""A log in the browser: lines as they are written, against curl at the cluster, and scrolling through them.

Needs Chromium and curl. The program that writes, the product and its cluster share this machine.
"""

import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import yaml
from playwright.sync_api import Page

from runyardctl.poll import until
from tests.bench.report import Result, median
from tests.bench.story import fresh, running
from tests.bench.unwatched import Page as Unwatched
from tests.bench.unwatched import unwatched
from tests.journeys.browser import Session, chromium
from tests.product import Api, Up

LINES, SCROLLED, RUNS, PATIENCE = 200_000, 100_000, 3, 120
# Waits for a file, writes that many lines as fast as it can, and stays.
WRITER = """
import os, sys, time
go, lines = sys.argv[1], int(sys.argv[2])
while not os.path.exists(go): time.sleep(0.01)
rest = "loss 0.123456 lr 0.0001 tokens/s 412,880 " + "-" * 40
sys.stdout.writelines(f"step {n} of {lines - 1} {rest}\\n" for n in range(lines))
sys.stdout.flush()
time.sleep(600)
"""
# How many lines the page says were skipped on the way to it.
LOST = 'document.querySelector("[data-log=foot]").textContent.match(/^([\\d,]+) lines? w/)?.[1] ?? "0"'
# Comes to true once the page shows a line with those words: told by the page, as asking takes time from it.
SHOWN = """window.shown = new Promise((done) => new MutationObserver(() => {
  if (document.querySelector(".log-row:last-child")?.textContent.includes("WORDS")) done(true);
}).observe(document.querySelector(".log-lines"), { childList: true })); true"""
# Scrolls 24 rows a frame: frames a second, the longest block of its thread, the most rows at a time.
SCROLL = """async ([frames, watched]) => {
  const box = document.querySelector(".log-window");
  const { port1, port2 } = new MessageChannel();
  let [longest, before, on, rows] = [0, performance.now(), true, 0];
  port1.onmessage = () => {
    const now = performance.now();
    longest = Math.max(longest, now - before);
    before = now;
    if (on) port2.postMessage(0);
  };
  box.scrollTop = 0;
  await new Promise((done) => setTimeout(done, 500));
  [longest, before] = [0, performance.now()];
  if (watched) port2.postMessage(0); // who watches for blocks takes time from the frames
  const began = performance.now();
  for (let i = 0; i < frames; i += 1) {
    await new Promise(requestAnimationFrame);
    box.scrollTop += 24 * 18;
    rows = Math.max(rows, box.querySelectorAll("li").length);
  }
  on = false;
  return { fps: frames / ((performance.now() - began) / 1000), longest, rows };
}"""


def measure() -> Iterator[Result]:
    """In a new home under the temporary folder, removed afterwards."""
    with running() as up, tempfile.TemporaryDirectory() as folder, chromium() as browser:
        api = Api(up.url, "admin", up.shown("Password"))
        api.insist(lambda: fresh(up, api), 60, "the first sync")
        session = Session(browser, up.url)
        page = session.page()
        _sign_in(page, up)
        stage, cookies = Stage(up, api, Path(folder)), page.context.cookies()
        page.goto("about:blank")  # a table of workloads that come and go beside it would be measured too
        with unwatched(cookies, up.url) as bare:
            yield _against_curl(stage, bare)
        yield from _scrolling(stage, page)
        session.close()
        api.close()


class Stage:
    """Starts programs that write a log when told to."""

    def __init__(self, up: Up, api: Api, folder: Path) -> None:
        self.up, self.api, self._folder, self._count = up, api, folder, 0

    def writer(self, lines: int) -> tuple[int, Path]:
        """A workload that runs, and the file that lets it write."""
        self._count += 1
        go = self._folder / str(self._count)
        command = shlex.join([sys.executable, "-c", WRITER, str(go), str(lines)])
        pk = self.api.submit(f"writer-{self._count}", command)
        self.api.wait(pk, "Running")
        return pk, go

    def curl(self, pk: int) -> list[str]:
        """The command that follows the workload's log at the cluster."""
        known = yaml.safe_load((self.up.home / "cluster" / "kubeconfig").read_text())
        server, token = known["clusters"][0]["cluster"]["server"], known["users"][0]["user"]["token"]
        path = f"/api/v1/namespaces/default/pods/{self.api.pods(pk)[0]['name']}/log"
        query = "follow=true&timestamps=true"
        return ["curl", "-sN", "-H", f"Authorization: Bearer {token}", f"{server}{path}?{query}"]


def _sign_in(page: Page, up: Up) -> None:
    page.goto("/workloads/")
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(up.shown("Password"))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/workloads/")


def _against_curl(stage: Stage, page: Unwatched) -> Result:
    bare, shown, lost = [], [], 0
    for _ in range(RUNS):
        bare.append(_followed(stage))
        seconds, missed = _watched(stage, page)
        shown.append(seconds)
        lost += missed
    ours, theirs = LINES / median(shown), LINES / median(bare)
    load = os.getloadavg()[0]
    measured = f"{ours:,.0f} lines/s" + (f", {lost:,} lost" if lost else "")
    met = ours >= 0.8 * theirs and not lost
    words = f"curl at the cluster, {theirs:,.0f}/s, load {load:.1f}"
    return Result("log lines to a browser", measured, words, ours / theirs, ">= 0.8x, none lost", met)


def _followed(stage: Stage) -> float:
    """Seconds until curl has the last line."""
    pk, go = stage.writer(LINES)
    with subprocess.Popen(stage.curl(pk), stdout=subprocess.PIPE) as curl:
        assert curl.stdout is not None
        began = _let_go(go)
        for count, _ in enumerate(curl.stdout, 1):
            if count == LINES:
                break
        seconds = time.monotonic() - began
        curl.kill()
    stage.api.delete(pk)
    return seconds


def _watched(stage: Stage, page: Unwatched) -> tuple[float, int]:
    """Seconds until the page that follows shows the last line, and how many it was not sent."""
    pk, go = stage.writer(LINES)
    page.goto(f"{stage.up.url}/workloads/{pk}/logs")
    page.until("/following|waiting/.test(document.querySelector('.state-pill')?.dataset.state)")
    page.evaluate(SHOWN.replace("WORDS", f"step {LINES - 1} of"))
    began = _let_go(go)
    assert page.evaluate("shown")
    seconds = time.monotonic() - began
    lost = int(page.evaluate(LOST).replace(",", ""))
    stage.api.delete(pk)
    return seconds, lost


def _let_go(go: Path) -> float:
    time.sleep(1)  # whoever watches is connected
    go.touch()
    return time.monotonic()


def _scrolling(stage: Stage, page: Page) -> Iterator[Result]:
    pk, go = stage.writer(SCROLLED)
    go.touch()
    assert until(lambda: f"step {SCROLLED - 1} of" in stage.api.log(pk, tail="1"), PATIENCE)
    page.goto(f"/workloads/{pk}/logs")
    page.get_by_text(f"step {SCROLLED - 1} of").wait_for()
    found = [page.evaluate(SCROLL, [300, False]) for _ in range(RUNS)]
    watched = [page.evaluate(SCROLL, [300, True]) for _ in range(RUNS)]
    fps, block = median([one["fps"] for one in found]), median([one["longest"] for one in watched])
    rows, load = max(one["rows"] for one in found), f"load {os.getloadavg()[0]:.1f}"
    what = f"{SCROLLED:,} lines scrolled"
    yield Result(f"{what}, frames", f"{fps:.1f}/s", load, None, ">= 55/s", fps >= 55)
    yield Result(f"{what}, longest block", f"{block:.1f} ms", load, None, "<= 16 ms", block <= 16)
    yield Result(f"{what}, rows in the page", f"{rows}", "", None, "<= 200", rows <= 200)
    stage.api.delete(pk)
