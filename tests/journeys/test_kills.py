"""`kill -9` of each process in the middle of a story: it recovers by itself, nothing is lost or run twice."""

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Page, expect

from runyardctl.process import is_gone
from tests.embedded import free_port
from tests.journeys.browser import AWAY, Session
from tests.journeys.pages import LATER, counting, expect_log_to_grow, expect_status, live, log_rows
from tests.product import Api, Up

NAMES = ("Worker", "Web", "Valkey", "PostgreSQL", "Cluster")
RECOVERS = 120.0  # seconds that recovery may take; the lease of a dead worker alone runs for 15

# Remembers on a page every state of its connection, and every line of the log that was drawn.
REMEMBER = """() => {
  const badge = document.querySelector(".status .live");
  window.states = [badge.dataset.state];
  new MutationObserver(() => window.states.push(badge.dataset.state))
    .observe(badge, { attributes: true, attributeFilter: ["data-state"] });
  window.drawn = {};
  const log = document.querySelector(".log-window");
  const note = () => {
    for (const row of log.querySelectorAll(".log-row[id]")) {
      const text = row.querySelector("span").textContent;
      const before = window.drawn[row.id] ??= text;
      if (before !== text) window.drawn[row.id] = `${before} became ${text}`;
    }
  };
  if (log) new MutationObserver(note).observe(log, { childList: true, subtree: true });
}"""

# To the line with that number.
SCROLL = """(number) => {
  const log = document.querySelector(".log-window");
  log.scrollTop = (number - 4) * log.querySelector(".log-row").offsetHeight;
}"""


def pids(starts: Path) -> list[int]:
    """Who has noted a start; a process that runs may not have come so far yet."""
    return [int(pid) for pid in starts.read_text().split()] if starts.exists() else []


class Story:
    """One counting workload, running, and the file in which each of its starts is noted."""

    def __init__(self, api: Api, folder: Path, name: str) -> None:
        self.api, self.starts = api, folder / name
        self.pk = api.submit(name, counting(self.starts))
        api.wait(self.pk, "Running")
        self.pod = api.pods(self.pk)[0]["name"]
        api.insist(lambda: self.started, RECOVERS, "its first line")
        self.process = psutil.Process(self.started[0])

    @property
    def started(self) -> list[int]:
        """The pids of every start so far."""
        return pids(self.starts)

    def assert_untouched(self) -> None:
        """The same process of the same pod, and the row says so."""
        row = self.api.insist(lambda: self.api.read(self.pk), 90, "the row")
        assert (row["phase"], row["restarts"]) == ("Running", 0), row
        pods = self.api.insist(lambda: self.api.pods(self.pk), 90, "the pods")
        assert [pod["name"] for pod in pods] == [self.pod]
        assert self.started == [self.process.pid]
        assert self.process.is_running()

    def assert_whole_log(self) -> None:
        """Every line once, in order, from the one process."""
        text = self.api.insist(lambda: self.api.log(self.pk), 90, "the log")
        lines = text.splitlines()
        assert lines == [f"count {n} of {self.process.pid}" for n in range(len(lines))]
        assert lines


@pytest.fixture
def stories(api: Api, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Story, Story]]:
    """Two that run: one to be left alone, one to be stopped."""
    name = request.node.callspec.params["name"].lower()
    two = Story(api, tmp_path, f"{name}-kept"), Story(api, tmp_path, f"{name}-stopped")
    yield two
    for told in two:
        api.insist(lambda pk=told.pk: api.call("DELETE", f"/workloads/{pk}"), RECOVERS, "its deletion")


@pytest.mark.parametrize("name", NAMES)
def test_a_kill_loses_nothing_and_runs_nothing_twice(
    product: Up, session: Session, signed_in: Page, stories: tuple[Story, Story], tmp_path: Path, name: str
):
    (kept, stopped), table, log = stories, signed_in, session.page()
    log.goto(f"/workloads/{kept.pk}/logs")
    for page in (table, log):
        live(page)
        page.evaluate(REMEMBER)
    expect_status(table, f"{name.lower()}-stopped", "Running")
    expect_log_to_grow(log)
    old = product.child(name)
    old.kill()

    kept.api.insist(lambda: asked_to_stop(kept.api, stopped.pk), RECOVERS, "the stop to be taken")
    later = submit_meanwhile(kept.api, tmp_path / "later", f"{name.lower()}-later")
    product.wait_for(f"{name} died (SIGKILL); restarted, ready (")
    assert product.child(name).pid != old.pid
    expect_status(table, f"{name.lower()}-later", "Running")  # on the page that was open all the time
    expect_status(table, f"{name.lower()}-stopped", "Stopped")
    for page in (table, log):
        live(page)
    if name in ("Web", "Valkey"):
        assert set(table.evaluate("window.states")) & {"reconnecting", "stale"}, "the page said nothing"

    kept.assert_untouched()
    expect_log_to_grow(log)
    assert_drawn_once(log)
    kept.assert_whole_log()
    assert_stopped_once(stopped)
    kept.api.insist(lambda: pids(tmp_path / "later"), RECOVERS, "the start of the later one")
    assert len(pids(tmp_path / "later")) == 1
    assert [row["id"] for row in kept.api.named(f"{name.lower()}-later")] == [later]
    kept.api.delete(later)
    log.close()
    session.forgive(AWAY)


def submit_meanwhile(api: Api, starts: Path, name: str) -> int:
    """Submit while something is dead. Not answered is not known: asked by name before it is said again."""

    def ask() -> int:
        found = api.named(name)
        return found[0]["id"] if found else api.submit(name, counting(starts))

    return int(api.insist(ask, RECOVERS, "a submission"))


def assert_stopped_once(story: Story) -> None:
    """Its process is gone, was the only one, and it came to rest once."""
    assert is_gone(story.process)
    assert len(story.started) == 1
    entered = story.api.phases(story.pk)
    assert entered[-1] == "Stopped", entered
    assert entered.count("Stopped") == 1, entered


def asked_to_stop(api: Api, pk: int) -> bool:
    if api.read(pk)["phase"] not in ("Stopping", "Stopped"):
        api.act(pk, "stop")
    return True


def assert_drawn_once(log: Page) -> None:
    """The open page has every line from its first to its last, each once, and changed none that it drew."""
    drawn = {int(key.removeprefix("line-")): text for key, text in log.evaluate("window.drawn").items()}
    for number in set(range(min(drawn), max(drawn))) - drawn.keys():  # many at once pass out of sight
        log.evaluate(SCROLL, number)
        expect(log.locator(f"#line-{number}")).to_contain_text(f"count {number - 1} of", timeout=LATER)
    for number, text in drawn.items():
        assert re.fullmatch(rf"count {number - 1} of \d+", text), text


def test_ctrl_c_ends_running_workloads_and_the_next_start_knows_them(
    tmp_path: Path, browser, record_property
):
    up = Up(tmp_path / "home", free_port())
    try:
        up.wait_until_serving()
        up.wait_for("Ctrl-C")
        password = up.shown("Password")
        story = Story(Api(up.url, "admin", password), tmp_path, "interrupted")
        story.api.insist(lambda: "count 5 " in story.api.log(story.pk), 90, "its log")
        processes = [*up.processes(), story.process]
        assert up.end(signal.SIGINT) == 0, up.tails()
        assert all(map(is_gone, processes))

        up = Up(up.home, up.port)
        seconds = up.wait_until_serving()
        record_property("second start, seconds to the first page", round(seconds, 1))
        story.api = Api(up.url, "admin", password)
        assert_told_afterwards(browser, up, story, password)
    finally:
        if up.process.poll() is None:
            up.end(signal.SIGTERM)


def assert_told_afterwards(browser, up: Up, story: Story, password: str) -> None:
    """The row and the log are there, and say how it ended."""

    def ended() -> dict | None:
        row = story.api.read(story.pk)
        return row if row["phase"] not in ("Running", "Creating") else None

    row = story.api.insist(ended, RECOVERS, "the row to say that it ended")
    assert (row["phase"], row["message"]) == ("Failed", "ended when its node was shut down")
    assert len(story.started) == 1
    opened = Session(browser, up.url)
    page = opened.page()
    page.goto(f"/workloads/{story.pk}/logs")
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(".now")).to_contain_text("ended when its node was shut down", timeout=LATER)
    expect(log_rows(page).first).to_contain_text("count ", timeout=LATER)
    opened.check()
    opened.close()
    story.assert_whole_log()
