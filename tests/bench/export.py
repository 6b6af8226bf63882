"""CSV of 100,000 workloads over HTTP from uvicorn, against psql running the same statement in the same run.

A process of its own fills the database and prints what to ask for (`python -m tests.bench.export`).
"""

import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from runyardctl.pg_binaries import find_binaries
from runyardctl.postgres import Postgres
from tests.bench.report import Result, median
from tests.embedded import free_port, until

ROWS, REPEATS = 100_000, 5


def measure() -> list[Result]:
    """Medians of REPEATS, taken in turn."""
    with filled("tests.bench.export") as (url, facts), serving(facts["environment"]) as (port, server):
        request(port, f"{facts['path']}?q=no-such-workload", facts["cookie"]).read()  # loads the code
        bare, ours = [], []
        with _growth(server) as growth:
            for _ in range(REPEATS):
                bare.append(_psql(url, facts["statement"]))
                ours.append(download(port, facts))
    return _results(bare, ours, growth[0], facts)


def _results(bare: list[float], ours: list["Download"], growth: float, facts: dict) -> list[Result]:
    seconds, first_byte = median([one.seconds for one in ours]), median([one.first_byte for one in ours])
    first_row, psql = median([one.first_row for one in ours]), median(bare)
    what = f"CSV of {ROWS:,} workloads x {facts['columns']} columns"
    speed, size = f"{ROWS / seconds:,.0f} rows/s", f"{ours[0].size / 2**20:.0f} MiB in all"
    yardstick, share = f"psql, {ROWS / psql:,.0f} rows/s", psql / seconds
    after, goal = f"{first_byte * 1000:.0f} ms", first_byte <= 0.05
    return [
        Result(what, speed, yardstick, share, ">= 0.8x", share >= 0.8),
        Result(f"{what}, first byte", after, "", None, "<= 50 ms", goal),
        Result(f"{what}, first row", f"{first_row * 1000:.0f} ms", "", None, "", True),
        Result(f"{what}, growth of the server", f"{growth:.1f} MiB", size, None, "<= 10 MB", growth <= 9.5),
    ]


@contextmanager
def filled(module: str) -> Iterator[tuple[str, dict]]:
    """A database that `python -m module` has filled: its URL, and what that printed, with its `environment`.

    In a new home under the temporary folder, removed afterwards.
    """
    with tempfile.TemporaryDirectory(prefix="runyard-bench-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        (home / "static").mkdir()
        with Postgres(home).running() as url:
            environment = environment_of(home, url)
            command = [sys.executable, "-m", module]
            told = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment).stdout
            yield url, json.loads(told) | {"environment": environment}


def cookie_of(person) -> str:
    """With which `person` is signed in; in the process that fills."""
    from django.conf import settings
    from django.test import Client

    client = Client()
    client.force_login(person)
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


def environment_of(home: Path, url: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RUNYARD_")}
    return clean | {
        "RUNYARD_MODE": "embedded",
        "RUNYARD_HOME": str(home),
        "RUNYARD_DATABASE_URL": url,
        "RUNYARD_SECRET_KEY": "only-for-measuring-" + "x" * 50,
        "DJANGO_SETTINGS_MODULE": "runyard.settings",
    }


@contextmanager
def serving(environment: dict[str, str]) -> Iterator[tuple[int, psutil.Process]]:
    """uvicorn as `runyard up` starts it; its port and process."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "runyard.asgi:application", "--no-access-log"]
    options = ["--port", str(port), "--http", "runyard.kit.gathering:Protocol", "--log-level", "error"]
    process = subprocess.Popen([*command, *options], env=environment)
    try:
        until(lambda: _answers(port), 60, "uvicorn")
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(20)


def _answers(port: int) -> bool:
    try:
        return request(port, "/healthz", "").read() is not None
    except OSError:
        return False


def request(port: int, path: str, cookie: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("GET", path, headers={"Cookie": cookie})
    return connection.getresponse()


@dataclass(frozen=True)
class Download:
    """Seconds from the request on."""

    first_byte: float
    first_row: float
    seconds: float
    size: int


def download(port: int, facts: dict) -> Download:
    """Read the whole file, and check that it says it is whole."""
    began = time.perf_counter()
    response = request(port, f"{facts['path']}?columns=all", facts["cookie"])
    assert response.status == 200, response.read()
    moments, lines, size, last = [], 0, 0, b""
    while part := response.read1(2**18):
        moments += [time.perf_counter() - began] * (not moments or (len(moments) == 1 and b"\n" in part))
        lines, size, last = lines + part.count(b"\n"), size + len(part), (last + part)[-16:]
    assert last.endswith(b",%d\n" % ROWS), last
    return Download(moments[0], moments[1], time.perf_counter() - began, size)


def _psql(url: str, statement: str) -> float:
    """Seconds that psql takes to copy the same rows to nowhere."""
    command = [find_binaries().path("psql"), "-X", "-q", "-o", os.devnull, "-c", statement, url]
    began = time.perf_counter()
    subprocess.run(command, check=True)
    return time.perf_counter() - began


@contextmanager
def _growth(server: psutil.Process) -> Iterator[list[float]]:
    """MiB by which the memory of `server` is at most greater than at the start, once the block is over."""
    base = server.memory_info().rss
    peak, over, found = base, threading.Event(), [0.0]

    def watch() -> None:
        nonlocal peak
        while not over.wait(0.01):
            peak = max(peak, server.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield found
    finally:
        over.set()
        watcher.join()
        found[0] = (peak - base) / 2**20


def _fill() -> dict:
    """Migrate, fill, and say what to ask for: path, cookie of a signed-in person, statement, columns."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection
    from django.http import QueryDict
    from django.urls import reverse

    from runyard.kit.csv import table_csv
    from runyard.tenancy.models import User
    from workloads import demo
    from workloads.tables import WorkloadTable

    call_command("migrate", verbosity=0)
    demo.fill(ROWS)
    dee = User.objects.create_superuser("dee", password="a long password")
    export = table_csv(WorkloadTable, dee, QueryDict("columns=all"))
    with connection.cursor() as cursor:
        statement = cursor.mogrify(*export.statement)
    return {
        "path": reverse("workload-csv"),
        "cookie": cookie_of(dee),
        "statement": statement,
        "columns": len(export.headers),
    }


if __name__ == "__main__":
    print(json.dumps(_fill()))
