"""A real Prometheus for a test (Debian's package), and one that misbehaves on request."""

import json
import shutil
import subprocess
import threading
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from tests.embedded import free_port, until

NOTHING = {"status": "success", "data": {"resultType": "matrix", "result": []}}


class Fake:
    """Answers every question with `answer`: an object, bytes, or a function of the request's parameters.

    `asked` holds path, parameters and headers of each.
    """

    def __init__(self):
        self.answer, self.status, self.headers, self.asked = NOTHING, 200, {}, []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                fake.serve(self, self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())

            def do_GET(self):
                fake.serve(self, urlsplit(self.path).query)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def serve(self, handler, query):
        parameters = {name: values[-1] for name, values in parse_qs(query).items()}
        self.asked.append((urlsplit(handler.path).path, parameters, dict(handler.headers)))
        answer = self.answer(parameters) if callable(self.answer) else self.answer
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        handler.send_response(self.status)
        for name, value in self.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        try:
            handler.wfile.write(body)
        except OSError:
            return  # it had read enough

    @property
    def queries(self):
        return [parameters.get("query", "") for _, parameters, _ in self.asked]


@contextmanager
def fake():
    server = Fake()
    thread = threading.Thread(target=server.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.server.shutdown()
        thread.join(30)
        server.server.server_close()


@contextmanager
def real(folder, openmetrics=""):
    """URL and process of Debian's Prometheus on `folder`, which holds the samples of `openmetrics`."""
    data = folder / "data"
    if openmetrics:
        source = folder / "samples.txt"
        source.write_text(openmetrics)
        command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(source), str(data)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    config, port = folder / "prometheus.yml", free_port()
    config.write_text("global: {scrape_interval: 15s}\n")
    process = subprocess.Popen(
        [
            shutil.which("prometheus"),
            f"--config.file={config}",
            f"--storage.tsdb.path={data}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--storage.tsdb.retention.time=100y",
            "--log.level=error",
        ],
        stderr=(folder / "prometheus.log").open("w"),
    )
    try:
        url = f"http://127.0.0.1:{port}"
        until(lambda: _ready(url), 60, "Prometheus")
        yield url, process.pid
    finally:
        process.terminate()
        process.wait(30)


def _ready(url):
    try:
        return urllib.request.urlopen(f"{url}/-/ready", timeout=5).status == 200
    except OSError:
        return False
