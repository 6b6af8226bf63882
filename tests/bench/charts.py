"""Charts: what one weighs and costs to make, and the first of the Metrics tab beside a bare page.

Needs Chromium. The bare page has the same figure in itself and the same script, from a server of files.
"""

import gzip
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import orjson
from playwright.sync_api import Browser

from tests.bench.report import Result, median
from tests.bench.story import running
from tests.journeys.browser import chromium
from tests.journeys.pages import python
from tests.product import Api, Up

LOADS = 7
BUSY = "import time\nwhile True: sum(range(200000)); time.sleep(0.05)"
# Notes when the first line of a chart is in the page.
WATCH = """
  window.first = new Promise((done) => {
    const seen = new MutationObserver(() => {
      if (!document.querySelector(".scatterlayer .js-line")) return;
      seen.disconnect();
      requestAnimationFrame(() => done(performance.now()));
    });
    seen.observe(document, { childList: true, subtree: true });
  });
"""
BARE = b"""<!doctype html><meta charset="utf-8"><title>bare</title><div id="chart"></div>
<script src="/plotly.min.js"></script><script>
const figure = %s; Plotly.newPlot("chart", figure.data, figure.layout);</script>"""


def measure() -> Iterator[Result]:
    """In a new home under the temporary folder, removed afterwards."""
    yield from made()
    with running() as up:
        yield first_chart(up)


def made() -> Iterator[Result]:
    """What `charts_made` found, in a process that has the settings."""
    environment = os.environ | {"RUNYARD_MODE": "test", "DJANGO_SETTINGS_MODULE": "runyard.settings"}
    argv = [sys.executable, "-m", "tests.bench.charts_made"]
    found = json.loads(subprocess.run(argv, env=environment, check=True, capture_output=True).stdout)
    packed, ours, theirs = found["gzip"], found["ours"], found["by_classes"]
    words = f"{packed / 1000:.1f} KB of {found['bytes'] / 1000:.0f}"
    yield Result("chart of 8 lines x 500 points, gzip", words, "", None, "<= 10 KB", packed <= 10_000)
    words = f"go.Figure().to_json(), {theirs * 1000:.0f} ms"
    yield Result("chart made, CPU", f"{ours * 1000:.2f} ms", words, ours / theirs, "", True)


def first_chart(up: Up) -> Result:
    """From an empty browser to the first line that is drawn."""
    api = Api(up.url, "admin", up.shown("Password"))
    pk = api.submit("bench-charts", python(BUSY), cpu="500m")
    api.insist(lambda: measured(api, pk) >= 3, 120, "to be measured")
    cookies = {name: value for name, _, value in (one.partition("=") for one in api.cookie.split("; "))}
    address = f"{up.url}/workloads/{pk}/metrics"
    told = httpx.get(f"{address}/figures?from=15m", cookies=cookies).raise_for_status().json()
    found = next(one["figure"] for one in told["charts"] if one["key"] == "cpu")
    script = next((up.home / "static").glob("plotly.min.*.js.gz")).read_bytes()
    with chromium() as browser, bare_server(found, script) as bare:
        signed_in = [{"name": name, "value": value, "url": up.url} for name, value in cookies.items()]
        ours, theirs = [], []
        for _ in range(LOADS):
            theirs.append(loaded(browser, bare, []))
            ours.append(loaded(browser, f"{address}?from=15m", signed_in))
    api.close()
    mine, bare_page = median(ours), median(theirs)
    words = f"bare page, {bare_page:.0f} ms"
    met = mine <= 1.5 * bare_page
    return Result("first chart of the tab", f"{mine:.0f} ms", words, mine / bare_page, "<= 1.5x", met)


def measured(api: Api, pk: int) -> int:
    told = api.call("GET", f"/workloads/{pk}/metrics?metric=cpu").json()
    return sum(value is not None for one in told["series"] for value in one["values"])


def loaded(browser: Browser, url: str, cookies: list) -> float:
    """Milliseconds; nothing is cached yet."""
    context = browser.new_context()
    context.add_cookies(cookies)
    context.add_init_script(WATCH)
    page = context.new_page()
    page.goto(url)
    found = float(page.evaluate("window.first"))
    context.close()
    return found


@contextmanager
def bare_server(found: dict, script: bytes) -> Iterator[str]:
    """Serves the page and the script, compressed as the product does."""
    plain = orjson.dumps(found).replace(b'"--', b'"#00')  # tokens are no colours to a bare page
    page = gzip.compress(BARE % plain)

    class Files(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body, kind = (page, "text/html") if self.path == "/" else (script, "text/javascript")
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Files)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
