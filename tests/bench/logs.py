"""A log of a million lines: opening its middle, searching it, and keeping it as it comes from a cluster.

A process of its own measures (`python -m tests.bench.logs`), with a database of its own; a server in a third
one stands where the cluster would. Yardsticks: the log's own end, zgrep, and reading and packing the bytes.
"""

import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from runyardctl.postgres import Postgres
from tests.bench.export import environment_of
from tests.bench.report import Result, median
from tests.embedded import free_port, until

LINES, BLOCK, REPEATS = 1_000_000, 5_000, 5
PAGE, WANTED, EXPRESSION = 500, "diverged loss", "rank [0-9]+ diverged"
POD = "/api/v1/namespaces/red/pods/bench"
KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{{name: bench, cluster: {{server: "http://127.0.0.1:{port}"}}}}]
users: [{{name: bench, user: {{}}}}]
contexts: [{{name: bench, context: {{cluster: bench, user: bench}}}}]
current-context: bench
"""


def measure() -> list[Result]:
    """In a new home under the temporary folder, removed afterwards. Medians of REPEATS, taken in turn."""
    with tempfile.TemporaryDirectory(prefix="runyard-bench-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        (home / "static").mkdir()
        with Postgres(home).running() as url, serving() as port:
            environment = environment_of(home, url) | {"RUNYARD_BENCH_CLUSTER": str(port)}
            command = [sys.executable, "-m", "tests.bench.logs"]
            said = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment).stdout
    return _results(json.loads(said))


def _results(took: dict[str, float]) -> list[Result]:
    what = f"kept log of {LINES:,} lines"
    kept, bare = took["collect"], took["bare"]
    return [
        _result(f"{what}: open its middle", took["middle"], "its end", took["end"], 2),
        _result(f"{what}: search it all", took["search"], "zgrep", took["zgrep"], 3),
        _result(f"{what}: search by expression", took["regex"], "zgrep -E", took["zgrep_regex"], 3),
        _result("collector, CPU", kept, "reading and packing the same", bare, 1.5),
        Result("collector, lines", f"{LINES / kept:,.0f} lines/CPU-s", "", None, "", True),
    ]


def _result(what: str, took: float, than: str, yardstick: float, most: float) -> Result:
    ratio = took / yardstick
    measured, against = f"{took * 1000:,.1f} ms", f"{than}, {yardstick * 1000:,.1f} ms"
    return Result(what, measured, against, ratio, f"<= {most}x", ratio <= most)


def text(first: int) -> bytes:
    """BLOCK lines as a training writes them, with the cluster's times."""
    return b"".join(_line(number) for number in range(first, first + BLOCK))


def _line(number: int) -> bytes:
    second, rest = divmod(number, 200)
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(1_790_000_000 + second))
    rank = number * 7919 % 64
    odd = " diverged" if number % 50_000 == 49_999 else ""
    said = f"step {number // 64} rank {rank}{odd} loss {number * 31 % 9973 / 9973:.4f}"
    more = f"tokens/s {number * 17 % 9001} host node-{rank // 8}"
    return f"{at}.{rest * 5_000_000 + number % 997:09d}Z {said} {more}\n".encode()


# --- where the cluster would be ---


class Cluster(BaseHTTPRequestHandler):
    """One pod, whose container has ended; its log in parts of 64 KiB at most."""

    protocol_version = "HTTP/1.1"
    log: tuple[bytes, ...] = ()

    def do_GET(self) -> None:
        if self.path.partition("?")[0].endswith("/log"):
            return self._chunks()
        status = {"name": "main", "restartCount": 0, "state": {"terminated": {"exitCode": 0}}}
        meta = {"name": "bench", "namespace": "red", "uid": "bench", "resourceVersion": "1"}
        pod = {"metadata": meta, "spec": {"containers": []}, "status": {"containerStatuses": [status]}}
        body = json.dumps(pod).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        return None

    def _chunks(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for part in (*self.log, b""):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))

    def log_message(self, *_: object) -> None:
        """Silent."""


def _serve(port: int) -> None:
    whole = b"".join(text(first) for first in range(0, LINES, BLOCK))
    Cluster.log = tuple(whole[start : start + 65_536] for start in range(0, len(whole), 65_536))
    ThreadingHTTPServer(("127.0.0.1", port), Cluster).serve_forever()


@contextmanager
def serving() -> Iterator[int]:
    """The port of the server that stands for the cluster."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.logs", "serve", str(port)])
    try:
        until(lambda: _answers(port), 120, "the server of logs")
        yield port
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    try:
        _ask(port, POD).read()
        return True
    except OSError:
        return False


def _ask(port: int, path: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    return connection.getresponse()


# --- the process that measures ---


def _measure() -> dict[str, float]:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    port = int(os.environ["RUNYARD_BENCH_CLUSTER"])
    kept, bare = [], []
    for number in range(REPEATS + 1):
        read = _cpu(lambda: _read_and_pack(port))
        pod = _pod(port)
        collected = _cpu(lambda pod=pod: _collect(pod))
        if number:  # the first time modules are loaded and connections made, once in a collector's life
            bare.append(read)
            kept.append(collected)
    return {"collect": median(kept), "bare": median(bare)} | _open_and_search(pod)


def _pod(port: int):
    """A new row for the pod there is, so that nothing of its log is kept."""
    from django.conf import settings
    from django.utils import timezone

    from runyard.clusters.models import Cluster
    from workloads.models import Pod

    file = settings.HOME / "kubeconfig"
    if not file.exists():  # a changed one would be read again, in the collector's time
        file.write_text(KUBECONFIG.format(port=port))
    cluster, _ = Cluster.objects.get_or_create(name="bench", defaults={"kubeconfig": str(file)})
    Pod.objects.filter(cluster=cluster).delete()
    fields = {"uid": "bench", "namespace": "red", "name": "bench", "phase": "Running"}
    containers = [{"name": "main", "restarts": 0, "state": "running", "previous": False}]
    return Pod.objects.create(cluster=cluster, containers=containers, created_at=timezone.now(), **fields)


def _cpu(work: Callable[[], None]) -> float:
    """Seconds of CPU of all threads of this process."""
    began = time.process_time()
    work()
    return time.process_time() - began


def _read_and_pack(port: int) -> None:
    import zstandard

    packer, gathered, size = zstandard.ZstdCompressor(level=1), [], 0
    response = _ask(port, f"{POD}/log")
    while part := response.read1(65_536):
        gathered.append(part)
        size += len(part)
        if size >= 2**20:
            packer.compress(b"".join(gathered))
            gathered, size = [], 0
    packer.compress(b"".join(gathered))


def _collect(pod) -> None:
    from workloads.keeping.collecting import Reading
    from workloads.keeping.finding import Run
    from workloads.keeping.models import KeptLog
    from workloads.keeping.store import store

    reading = Reading(Run(pod.pk, "main", 0), store(), "bench").start()
    reading.join(300)
    log = KeptLog.objects.get(pod=pod)
    assert (log.lines, log.complete, log.notes) == (LINES, True, []), (log.lines, log.notes)


def _open_and_search(pod) -> dict[str, float]:
    from django.conf import settings

    from workloads import logs

    packed = settings.HOME / "whole.log.gz"
    with packed.open("wb") as output:
        gzip = subprocess.Popen(["gzip", "-c"], stdin=subprocess.PIPE, stdout=output)
        for block in logs.whole(pod, "main"):
            gzip.stdin.write(block)
        gzip.stdin.close()
        gzip.wait()
    took: dict[str, list[float]] = {}
    for _ in range(REPEATS):
        for name, work in _works(pod, packed):
            began = time.perf_counter()
            work()
            took.setdefault(name, []).append(time.perf_counter() - began)
    return {name: median(times) for name, times in took.items()}


def _works(pod, packed: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    from workloads import logs
    from workloads.keeping import chunks

    def opened(read: Callable[[], object], first: int) -> Callable[[], None]:
        def work() -> None:
            chunks._lines.cache_clear()
            page = read()
            assert (page.first, len(page.lines), page.error) == (first, PAGE, ""), (page.first, page.error)

        return work

    yield "middle", opened(lambda: logs.lines(pod, "main", LINES // 2, PAGE), LINES // 2)
    yield "end", opened(lambda: logs.tail(pod, "main", PAGE), LINES - PAGE)
    yield "search", lambda: _search(pod, WANTED, regex=False)
    yield "zgrep", lambda: _zgrep(packed, "-F", WANTED)
    yield "regex", lambda: _search(pod, EXPRESSION, regex=True)
    yield "zgrep_regex", lambda: _zgrep(packed, "-E", EXPRESSION)


def _search(pod, pattern: str, *, regex: bool) -> None:
    from workloads import logs

    start, found = 0, 0
    while True:
        hits = logs.search(pod, "main", pattern, regex=regex, start=start, seconds=10)
        assert not hits.problem, hits.problem
        start, found = hits.searched_to, found + len(hits.numbers)
        if hits.done:
            assert found, "nothing was found"
            return


def _zgrep(packed: Path, kind: str, pattern: str) -> None:
    found = subprocess.run(["zgrep", "-i", "-n", kind, pattern, str(packed)], stdout=subprocess.PIPE)
    assert found.stdout, "nothing was found"


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        _serve(int(sys.argv[2]))
    else:
        print(json.dumps(_measure()))
