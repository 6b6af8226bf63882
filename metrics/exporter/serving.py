"""The exporter over HTTP: GET /metrics and /healthz, each scrape in a thread of its own."""

from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from . import exposition
from .fleet import Fleet
from .owners import owner_of
from .pods import Attribution

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
SICK_SECONDS = 120.0  # NVML gone for so long, though it was there: better started anew


class Exporter(ThreadingHTTPServer):
    """Listens once made. Raises OSError where it cannot."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], fleet: Fleet, pods: Attribution, hostname: str) -> None:
        self.fleet, self.pods, self.hostname = fleet, pods, hostname
        super().__init__(address, _Handler)

    def metrics(self) -> bytes:
        known = self.pods.now()
        return exposition.text(self.fleet.look(), known, self.hostname, owner_of)

    def is_healthy(self) -> bool:
        """A machine without a driver is well; one whose driver went away needs us to load it anew."""
        self.fleet.look()
        return self.fleet.failing_seconds < SICK_SECONDS


class _Handler(BaseHTTPRequestHandler):
    server: Exporter
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "runyard-exporter", ""
    timeout = 10  # seconds for a request to arrive, and for the next one on the same connection

    def do_GET(self) -> None:
        match self.path.partition("?")[0]:
            case "/metrics":
                self._answer(HTTPStatus.OK, self.server.metrics(), PROMETHEUS)
            case "/healthz" if self.server.is_healthy():
                self._answer(HTTPStatus.OK, b"ok\n")
            case "/healthz":
                self._answer(HTTPStatus.SERVICE_UNAVAILABLE, b"the NVIDIA driver went away\n")
            case _:
                self._answer(HTTPStatus.NOT_FOUND, b"there are /metrics and /healthz\n")

    def _answer(self, status: HTTPStatus, body: bytes, media: str = "text/plain; charset=utf-8") -> None:
        self.send_response(status)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Scrapes are not worth a line each."""
