"""The running product: submission to Running, log line to browser, memory and CPU at rest.

Each speed stands beside a yardstick taken in the same run at the cluster's own API. Needs Chromium.
"""

import shlex
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import yaml
from playwright.sync_api import Page

from tests.bench.report import Result, percentile
from tests.embedded import free_port
from tests.journeys.browser import Session, chromium
from tests.product import Api, Up

SUBMISSIONS, LINES, LINE_SECONDS, REST_SECONDS, PATIENCE = 50, 100, 0.1, 20, 60
SLEEP = shlex.join([sys.executable, "-c", "import time; time.sleep(600)"])
# Writes the moment of writing, in seconds since 1970, as its log.
CLOCK = (
    "import time\n"
    f"for n in range({LINES * 3}): print(f'at {{time.time():.6f}}', flush=True); time.sleep({LINE_SECONDS})"
)
# Notes the moment at which the page has each line.
WATCH = """() => {
  window.delays = {};
  const log = document.querySelector(".log-window");
  new MutationObserver(() => {
    const now = Date.now() / 1000;
    for (const row of log.querySelectorAll(".log-row[id]")) {
      const at = row.textContent.match(/at (\\d+\\.\\d+)/);
      if (at && !(row.id in window.delays)) window.delays[row.id] = now - Number(at[1]);
    }
  }).observe(log, { childList: true, subtree: true });
}"""


def measure() -> list[Result]:
    """In a new home under the temporary folder, removed afterwards."""
    with running() as up, Cluster(up.home) as cluster:
        api = Api(up.url, "admin", up.shown("Password"))
        api.insist(lambda: fresh(up, api), PATIENCE, "the first sync")
        rest = at_rest(up)
        submitted = [submission(api, number) for number in range(SUBMISSIONS)]
        created = [cluster.creation(number) for number in range(SUBMISSIONS)]
        shown, followed = log_delays(up, api, cluster)
        api.close()
    return [
        *_speeds("submit to Running", submitted, "Job created at the cluster's API", created),
        *_speeds("log line to browser", shown, "pods/log followed at the cluster", followed),
        *rest,
    ]


def _speeds(what: str, ours: list[float], yardstick: str, bare: list[float]) -> list[Result]:
    found = []
    for name, share in (("p50", 0.5), ("p95", 0.95)):
        mine, theirs = percentile(ours, share), percentile(bare, share)
        words = f"{mine * 1000:.0f} ms of {len(ours)}"
        found.append(
            Result(f"{what}, {name}", words, f"{yardstick}, {theirs * 1000:.0f} ms", mine / theirs, "", True)
        )
    return found


@contextmanager
def running() -> Iterator[Up]:
    """The product, started for this run and ended after it."""
    with tempfile.TemporaryDirectory(prefix="runyard-bench-", ignore_cleanup_errors=True) as folder:
        up = Up(Path(folder, "home"), free_port())
        try:
            up.wait_until_serving()
            up.wait_for("Ctrl-C")
            yield up
        finally:
            up.end()


def fresh(up: Up, api: Api) -> bool:
    """Whether the cluster has been synced once: a start is not what is measured."""
    probe = api.named("warm-up")
    pk = probe[0]["id"] if probe else api.submit("warm-up", "true")
    return bool(api.read(pk)["phase"] == "Completed")


def submission(api: Api, number: int) -> float:
    """Seconds from the request to the row that says Running, asked every few milliseconds."""
    began = time.monotonic()
    pk = api.submit(f"bench-{number}", SLEEP)
    ends = began + PATIENCE
    while (row := api.read(pk))["phase"] != "Running":
        assert time.monotonic() < ends, row
        time.sleep(0.005)
    seconds = time.monotonic() - began
    api.delete(pk)
    return seconds


class Cluster:
    """The embedded cluster's own API, without anything of ours between."""

    def __init__(self, home: Path) -> None:
        known = yaml.safe_load((home / "cluster" / "kubeconfig").read_text())
        token = known["users"][0]["user"]["token"]
        server = known["clusters"][0]["cluster"]["server"]
        self._client = httpx.Client(
            base_url=server, headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE
        )

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def creation(self, number: int) -> float:
        """Seconds from the creation of a Job like ours to its running pod."""
        name, began = f"bare-{number}-{uuid.uuid4().hex[:6]}", time.monotonic()
        self._client.post("/apis/batch/v1/namespaces/default/jobs", json=_job(name)).raise_for_status()
        pods = {"labelSelector": f"job-name={name}"}
        while not _runs(self._client.get("/api/v1/namespaces/default/pods", params=pods).json()):
            assert time.monotonic() - began < PATIENCE, name
            time.sleep(0.005)
        seconds = time.monotonic() - began
        self._client.delete(
            f"/apis/batch/v1/namespaces/default/jobs/{name}", params={"propagationPolicy": "Background"}
        )
        return seconds

    def pod(self, name: str) -> dict:
        answer = self._client.get(f"/api/v1/namespaces/default/pods/{name}")
        return answer.raise_for_status().json()

    def follow(self, pod: str, delays: list[float]) -> None:
        """Read a pod's log as it is written; into `delays`, seconds from writing to reading."""
        path, query = f"/api/v1/namespaces/default/pods/{pod}/log", {"follow": "true"}
        with self._client.stream("GET", path, params=query) as answer:
            for line in answer.iter_lines():
                delays.append(time.time() - float(line.split()[1]))
                if len(delays) >= LINES:
                    return


def _job(name: str) -> dict:
    container = {
        "name": "main",
        "image": "python:3.11",
        "command": shlex.split(SLEEP),
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
    }
    pod = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"template": pod}}


def _runs(pods: dict) -> bool:
    return any(
        status.get("ready") for pod in pods["items"] for status in pod["status"].get("containerStatuses", [])
    )


def log_delays(up: Up, api: Api, cluster: Cluster) -> tuple[list[float], list[float]]:
    """The same lines, as an open page and as a bare reader have them."""
    pk = api.submit("clock", shlex.join([sys.executable, "-c", CLOCK]))
    api.wait(pk, "Running")
    followed: list[float] = []
    with chromium() as browser:
        session = Session(browser, up.url)
        page = session.page()
        _open_log(page, up, pk)
        reader = threading.Thread(target=cluster.follow, args=(api.pods(pk)[0]["name"], followed))
        reader.start()
        shown = _collect(page)
        reader.join(PATIENCE)
        session.close()
    api.delete(pk)
    # Both began with what was written before they came; the last ones were read as they were written.
    return shown[-LINES // 2 :], followed[-LINES // 2 :]


def _collect(page: Page) -> list[float]:
    """The delays of the first LINES lines that the page has."""
    ends = time.monotonic() + PATIENCE
    while len(found := page.evaluate("Object.values(window.delays)")) < LINES:
        assert time.monotonic() < ends, f"the page has {len(found)} lines"
        page.wait_for_timeout(250)
    return list(found)


def _open_log(page: Page, up: Up, pk: int) -> None:
    page.goto(f"/workloads/{pk}/logs")
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(up.shown("Password"))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_selector(".status .live[data-state=live]")
    page.evaluate(WATCH)


def at_rest(up: Up) -> list[Result]:
    """Memory now, CPU over REST_SECONDS, of every process of the product, with nothing to do."""
    processes = [psutil.Process(up.process.pid), *up.processes()]
    before, began = _cpu_seconds(processes), time.monotonic()
    time.sleep(REST_SECONDS)
    share = (_cpu_seconds(processes) - before) / (time.monotonic() - began)
    memory = [process.memory_full_info() for process in processes if process.is_running()]
    pss, rss = sum(info.pss for info in memory) / 2**20, sum(info.rss for info in memory) / 2**20
    words = f"{len(memory)} processes, {rss:.0f} MiB as RSS"
    return [
        Result("memory of the whole at rest", f"{pss:.0f} MiB (PSS)", words, None, "<= 600 MB", pss <= 572),
        Result("CPU of the whole at rest", f"{share:.1%} of one core", "", None, "<= 2 %", share <= 0.02),
    ]


def _cpu_seconds(processes: list[psutil.Process]) -> float:
    times = [process.cpu_times() for process in processes if process.is_running()]
    return sum(one.user + one.system for one in times)
