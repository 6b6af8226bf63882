"""Worker, beat, collector and web server as services: their command lines, and what makes them ready."""

import http.client
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from runyardctl.process import Command
from runyardctl.product import Product
from runyardctl.service import ALARM

CELERY = ("-m", "celery", "--skip-checks", "-A")
QUIET = ("-l", "warning")
#: What passes through us in large pieces uses memory again that malloc would give back and fetch for each.
KEPT_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(16 * 2**20), "MALLOC_MMAP_THRESHOLD_": str(2**20)}


class CeleryService:
    """A Celery process, which touches the file named by RUNYARD_READY_FILE once it is up."""

    def __init__(self, product: Product, name: str, *words: str) -> None:
        """`words`: the module of its app, and what it is told."""
        self.name = name
        self.alarm: re.Pattern[str] = ALARM
        self.product = product
        self.words = words
        self.ready_file = Path(product.home.pids, f"{name.lower()}.ready")

    def prepare(self) -> None:
        self.ready_file.unlink(missing_ok=True)

    def command(self) -> Command:
        return self.product.python(*CELERY, *self.words, *QUIET, RUNYARD_READY_FILE=str(self.ready_file))

    def is_ready(self) -> bool:
        return self.ready_file.exists()


def worker(product: Product) -> CeleryService:
    """Threads, because tasks wait for clusters; without the chatter among workers, because there is one."""
    threads = ("--pool", "threads", "--concurrency", "32", "--queues", "celery,sync")
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    return CeleryService(product, "Worker", "runyard.celery", "worker", *threads, *quiet)


def beat(product: Product) -> CeleryService:
    """The clock of periodic tasks; what it last sent is kept in the home folder."""
    folder = product.home.folder / "beat"
    folder.mkdir(mode=0o700, exist_ok=True)
    words = ("--schedule", str(folder / "schedule"), "--pidfile", "")
    return CeleryService(product, "Beat", "runyard.beat", "beat", *words)


class Collector:
    """Keeps the logs of containers, which touches the file named by RUNYARD_READY_FILE once it looks."""

    name = "Collector"
    alarm = ALARM

    def __init__(self, product: Product) -> None:
        self.product = product
        self.ready_file = Path(product.home.pids, "collector.ready")

    def prepare(self) -> None:
        self.ready_file.unlink(missing_ok=True)

    def command(self) -> Command:
        command = self.product.manage("collect_logs")
        return replace(command, env={**command.env, "RUNYARD_READY_FILE": str(self.ready_file)})

    def is_ready(self) -> bool:
        return self.ready_file.exists()


class Web:
    """uvicorn with the whole site. Websockets are pinged, so that a half-open one is noticed; not compressed:
    what is sent to a thousand would be compressed a thousand times. Messages may be as large as a
    notebook's are; the socket of our own pages refuses all but small ones.
    """

    name = "Web"
    alarm = ALARM

    def __init__(self, product: Product) -> None:
        self.product = product

    def prepare(self) -> None:
        """Nothing to make; the port was found free at the start."""

    def command(self) -> Command:
        options = {
            "host": self.product.host,
            "port": str(self.product.port),
            "http": "runyard.kit.gathering:Protocol",
            "log-level": "warning",
            "ws-ping-interval": "20",
            "ws-ping-timeout": "20",
            "ws-max-size": "16777216",
            "ws-per-message-deflate": "false",
            "timeout-graceful-shutdown": "3",
        }
        words = [word for key, value in options.items() for word in (f"--{key}", value)]
        server = ("-m", "uvicorn", "runyard.asgi:application", "--no-access-log")
        return self.product.python(*server, *words, **KEPT_MEMORY)

    def is_ready(self) -> bool:
        """It answers a page, even if only to send the visitor to sign in."""
        address = urlsplit(self.product.url)
        connection = http.client.HTTPConnection(address.hostname or "127.0.0.1", address.port, timeout=5)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status < 500
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
