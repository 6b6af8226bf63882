"""A hundred people look at the table while Jobs change in the cluster: how long until each sees a change.

Every viewer has an account, a session, a websocket and a connection of their own, and does what the page's
script does: says what it shows, takes the rows that are sent and, paced as `fetching.js` is, fetches what is
only named. One more viewer is Chromium, whose cells are watched. The load, the product and its cluster
share this machine.
"""

import bisect
import http.client
import json
import re
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

import yaml
from playwright.sync_api import Page

from tests.bench.report import Result, percentile
from tests.bench.sockets import Crowd, Fetcher, Socket
from tests.journeys.browser import chromium
from tests.product import Up

VIEWERS, ROWS, JOBS, DEMO = 100, 50, 1_000, 10_000
SECONDS, PER_SECOND, WARM_UP, PATIENCE = 20, 50, 5, 120
APART = int(re.search(r"apart = (\d+)", Path("static/js/fetching.js").read_text())[1]) / 1000  # type: ignore[index]
ROW = re.compile(rb'<tr[^>]* data-row="(\d+)"')
PODS = re.compile(rb"\b0/(\d{4,})\b")  # parallelism of a suspended Job: none runs of so many; from 1,000 on
# Notes the moment at which each cell shows a new number of pods.
WATCH = """() => {
  window.shown = [];
  const note = (row) => {
    const pods = row?.textContent.match(/(?:^|\\D)0\\/(\\d{4,})/);
    if (!pods || row.noted === pods[1]) return;
    row.noted = pods[1];
    window.shown.push([Number(row.dataset.row), Date.now() / 1000, Number(pods[1])]);
  };
  const rows = () => document.querySelectorAll(".grid tr[data-row]").forEach(note);
  rows();
  new MutationObserver(rows).observe(document.querySelector(".grid"), { childList: true, subtree: true });
}"""
ACCOUNTS = f"""
import json
from importlib import import_module
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from runyard.tenancy.models import AccessRule, Project, User
from runyard.tenancy.roles import Role
project = Project.objects.get(name="default")
keys = []
for number in range({VIEWERS} + 1):
    user = User(username=f"viewer-{{number}}")
    user.set_unusable_password()
    user.save()
    AccessRule.objects.create(user=user, project=project, role=Role.PRACTITIONER)
    session = SessionStore()
    session[SESSION_KEY], session[HASH_SESSION_KEY] = str(user.pk), user.get_session_auth_hash()
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session.save()
    keys.append(session.session_key)
print(json.dumps([project.namespace, settings.SESSION_COOKIE_NAME, keys]))
"""


def measure(up: Up) -> Iterator[Result]:
    """In the product that is running, filled for this."""
    manage(up, "demo", "--workloads", str(DEMO))
    namespace, name, keys = json.loads(manage(up, "shell", "-v", "0", "-c", ACCOUNTS).splitlines()[-1])
    cluster = Cluster(up.home, namespace)
    for number in range(JOBS):
        cluster.create(number)
    with chromium() as browser:
        page = browser.new_context().new_page()
        page.context.add_cookies([{"name": name, "value": keys.pop(), "url": up.url}])
        room = Room(up, page)
        yield from room.steady(cluster)
        room.fill([f"{name}={key}" for key in keys])
        yield from room.steady(cluster)
        yield from room.burst(cluster)
        room.close()


def manage(up: Up, *words: str) -> str:
    argv = [sys.executable, "-m", "runyardctl", "manage", *words]
    return subprocess.run(argv, env=up.env, check=True, capture_output=True, text=True).stdout


class Cluster:
    """The embedded cluster's own API: suspended Jobs, and changes to them."""

    def __init__(self, home: Path, namespace: str) -> None:
        known = yaml.safe_load((home / "cluster" / "kubeconfig").read_text())
        server = urlsplit(known["clusters"][0]["cluster"]["server"])
        self._client = http.client.HTTPConnection(server.hostname or "", server.port, timeout=30)
        self._called_at = 0.0
        self._token = known["users"][0]["user"]["token"]
        self._path = f"/apis/batch/v1/namespaces/{namespace}/jobs"

    def create(self, number: int) -> None:
        container = {"name": "main", "image": "python:3.11", "command": ["true"]}
        pod = {"spec": {"restartPolicy": "Never", "containers": [container]}}
        spec = {"suspend": True, "parallelism": 1, "template": pod}
        self._call("POST", "", {"metadata": {"name": f"live-{number}"}, "spec": spec})

    def change(self, number: int, pods: int) -> float:
        """Ask for so many pods; the moment at which the request was sent."""
        began = time.time()
        self._call("PATCH", f"/live-{number}", {"spec": {"parallelism": pods}})
        return began

    def _call(self, method: str, path: str, body: dict) -> None:
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Content-Type": "application/merge-patch+json" if method == "PATCH" else "application/json",
        }
        if time.monotonic() - self._called_at > 1:  # the server may have closed it
            self._client.close()
        self._called_at = time.monotonic()
        self._client.request(method, self._path + path, json.dumps(body), headers)
        answer = self._client.getresponse()
        text = answer.read()
        assert answer.status < 300, text


class Seen:
    """When one viewer saw which number in which row."""

    def __init__(self) -> None:
        self._at: dict[int, list[tuple[int, float]]] = defaultdict(list)

    def note(self, row: int, at: float, pods: int) -> None:
        found = self._at[row]
        if not found or found[-1][0] < pods:
            found.append((pods, at))

    def delay(self, row: int, pods: int, began: float) -> float:
        """Seconds until that number, or a later one of the row, was seen; infinite for never."""
        found = self._at[row]
        at = bisect.bisect_left(found, (pods, 0.0))
        return found[at][1] - began if at < len(found) else float("inf")

    def last(self, row: int) -> int:
        return self._at[row][-1][0] if self._at[row] else 0


class Viewer:
    """What the page's script does, without a page."""

    def __init__(self, port: int, cookie: str) -> None:
        self.socket = Socket(port, "/live", cookie, self._hint)
        self.fetcher = Fetcher(port, cookie, self._answer)
        self.seen, self.rows, self.fetches = Seen(), set[int](), 0
        self._columns, self._said, self._changed, self._all = "", "", set[int](), False
        self._began, self._next = 0.0, 0.0

    def begin(self) -> None:
        self.fetcher.get("/workloads/")

    def _hint(self, frame: bytes) -> None:
        """Rows are the same bytes for many: read once. Anything else is small."""
        if frame.startswith(b'{"topic":"workloads","rows":'):
            return self._note(_sent(frame), time.time())
        told = json.loads(frame)
        if isinstance(told.get("hint"), list):
            self._changed.update(told["hint"])
        elif told.get("hint") == "all" or told.get("subscribed"):
            self._all = True
        assert "refused" not in told, told
        return None

    def tick(self) -> None:
        """Fetch when it is time."""
        if self.fetcher.busy or not (self._all or self._changed) or time.time() < self._next:
            return
        self._began, self.fetches = time.time(), self.fetches + 1
        here, others = self._changed & self.rows, self._changed - self.rows
        if self._all or len(self._changed) > 100:
            self.fetcher.get("/workloads/")
        else:
            words = {"ids": _words(here), "others": _words(others), "drawn": self._columns}
            self.fetcher.get("/workloads/rows?" + "&".join(f"{k}={v}" for k, v in words.items() if v))
        self._all, self._changed = False, set()

    def _answer(self, body: bytes) -> None:
        now = time.time()
        self._next = max(self._began + APART, now + (now - self._began))
        if b"<html" in body:
            self.rows = {int(pk) for pk in ROW.findall(body)}
            self._columns = re.search(rb'data-columns="([^"]*)"', body)[1].decode()  # type: ignore[index]
            self._look(body)
        self._note(_pods(body), now)

    def _look(self, body: bytes) -> None:
        before = re.search(rb'data-after="([^"]*)"', body)[1].decode()  # type: ignore[index]
        shown = {"query": "", "drawn": self._columns, "rows": sorted(self.rows), "before": before}
        words = json.dumps({"subscribe": "workloads", **shown})
        if words != self._said:
            self._said = words
            self.socket.say(words)

    def _note(self, pods: list[tuple[int, int]], at: float) -> None:
        for row, number in pods:
            self.seen.note(row, at, number)


def _pods(html: bytes) -> list[tuple[int, int]]:
    """Rows, and the numbers of pods they show."""
    parts = ((ROW.match(part), PODS.search(part)) for part in re.split(rb"(?=<tr)", html))
    return [(int(row[1]), int(pods[1])) for row, pods in parts if row and pods]


@lru_cache(maxsize=8)
def _sent(frame: bytes) -> list[tuple[int, int]]:
    return _pods(json.loads(frame)["rows"].encode())


def _words(ids: set[int]) -> str:
    return ",".join(map(str, sorted(ids)))


class Room:
    """All viewers, and the changes they are shown."""

    def __init__(self, up: Up, page: Page) -> None:
        self._crowd, self._port, self._page = Crowd(), up.port, page
        self._viewers: list[Viewer] = []
        self._next = 1_000
        page.goto(f"{up.url}/workloads/")
        page.wait_for_selector(".status .live[data-state=live]")
        page.evaluate(WATCH)
        rows = page.eval_on_selector_all(
            ".grid tr[data-row]",
            r"rows => rows.map(r => [r.dataset.row, r.textContent.match(/live-(\d+)/)?.[1]])",
        )
        self._pk = {int(number): int(pk) for pk, number in rows if number}  # of the Jobs on the page
        assert len(self._pk) == ROWS, rows

    def close(self) -> None:
        self._crowd.close()

    def fill(self, cookies: list[str]) -> None:
        """All the others come, and see the same."""
        self._viewers = [Viewer(self._port, cookie) for cookie in cookies]
        for viewer in self._viewers:
            self._crowd.add(viewer.socket)
            self._crowd.add(viewer.fetcher)
            viewer.begin()
        assert self._read(lambda: all(len(one.rows) == ROWS for one in self._viewers), PATIENCE)

    def _read(self, done: Callable[[], bool], seconds: float) -> bool:
        def look() -> bool:
            for viewer in self._viewers:
                viewer.tick()
            return done()

        return self._crowd.read_until(look, seconds, 0.01)

    def steady(self, cluster: Cluster) -> list[Result]:
        told: list[tuple[int, int, float]] = []  # job, pods, when
        driver = threading.Thread(target=self._drive, args=(cluster, told), daemon=True)
        driver.start()
        self._read(lambda: not driver.is_alive(), PATIENCE)
        fetched = sum(viewer.fetches for viewer in self._viewers)
        self._settle(told[-ROWS:])
        told = told[WARM_UP * PER_SECOND :]
        rate = f"{len(told) / (told[-1][2] - told[0][2]):.0f} changes/s"
        shown = self._shown()
        cells = [shown.delay(self._pk[n], k, at) for n, k, at in told]
        if not self._viewers:
            return [_delays("change in the cluster to cell, alone", cells, rate, goal=False)]
        everyone = [v.seen.delay(self._pk[n], k, at) for v in self._viewers for n, k, at in told]
        words = f"{len(self._viewers)} viewers, {fetched / SECONDS:.0f} fetches/s"
        return [
            _delays("change in the cluster to cell, 100 viewers", cells, rate, goal=True),
            _delays("the same, rows at each of the viewers", everyone, words, goal=True),
        ]

    def _drive(self, cluster: Cluster, told: list[tuple[int, int, float]]) -> None:
        """PER_SECOND changes a second, in turn over the Jobs on the page."""
        jobs, began = sorted(self._pk), time.monotonic()
        for count in range(SECONDS * PER_SECOND):
            time.sleep(max(0.0, began + count / PER_SECOND - time.monotonic()))
            told.append(self._change(cluster, jobs[count % len(jobs)]))

    def _change(self, cluster: Cluster, job: int) -> tuple[int, int, float]:
        self._next += 1
        return job, self._next, cluster.change(job, self._next)

    def burst(self, cluster: Cluster) -> list[Result]:
        """JOBS changes as fast as the cluster takes them, those on the page last."""
        told: list[tuple[int, int, float]] = []
        ended: list[float] = []

        def drive() -> None:
            told.extend(self._change(cluster, job) for job in range(JOBS))
            ended.append(time.time())

        driver, began = threading.Thread(target=drive, daemon=True), time.time()
        driver.start()
        self._read(lambda: not driver.is_alive(), PATIENCE)
        shown = [one for one in told if one[0] in self._pk]
        self._settle(shown)
        seen = self._shown()
        cells = max(seen.delay(self._pk[n], k, ended[0]) for n, k, _ in shown)
        viewers = max(v.seen.delay(self._pk[n], k, ended[0]) for v in self._viewers for n, k, _ in shown)
        words = f"{JOBS:,} changes took {ended[0] - began:.1f} s"
        return [
            Result("burst of 1,000, settled in Chromium", _ms(cells), words, None, "<= 2 s", cells <= 2),
            Result("the same, at the last of the viewers", _ms(viewers), "", None, "<= 2 s", viewers <= 2),
        ]  # fmt: skip

    def _settle(self, told: list[tuple[int, int, float]]) -> None:
        """Until everybody has seen these."""
        wanted = {self._pk[job]: pods for job, pods, _ in told}

        def settled(seen: Seen) -> bool:
            return all(seen.last(row) >= pods for row, pods in wanted.items())

        self._read(lambda: all(settled(viewer.seen) for viewer in self._viewers), PATIENCE)
        ends = time.monotonic() + PATIENCE
        while not settled(self._shown()):
            assert time.monotonic() < ends, "the page does not settle"
            self._read(lambda: False, 0.1)

    def _shown(self) -> Seen:
        """What Chromium has shown."""
        seen = Seen()
        for row, at, pods in self._page.evaluate("window.shown"):
            seen.note(row, at, pods)
        return seen


def _delays(what: str, seconds: list[float], words: str, *, goal: bool) -> Result:
    p50, p95 = percentile(seconds, 0.5), percentile(seconds, 0.95)
    measured = f"{_ms(p95)}, p50 {_ms(p50)}"
    return Result(f"{what}, p95", measured, words, None, "<= 500 ms" if goal else "", not goal or p95 <= 0.5)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms"
