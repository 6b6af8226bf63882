"""Figures over time: reading a day of a series, the room samples take, and a scrape of 8,000 GPUs.

A process of its own measures (`python -m tests.bench.metrics`), with a database of its own. Yardsticks:
Prometheus (Debian's) on the same samples, and our own parser alone, the fastest there is. CPU counts with
that of the database's process.
"""

import http.client
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

from runyardctl.postgres import Postgres
from runyardctl.valkey import Valkey
from tests.bench.export import environment_of
from tests.bench.report import Result, median
from tests.metrics.prometheus import real

NODES, GPUS, STEP, REPEATS = 1_000, 8, 15, 5
DAY, POINTS, READS, ROUNDS = 86_400, 500, 50, 20
#: Pods of which a day is written, and rewritten as the store does it: at each fold.
PODS = 10
#: Scrapes between two folds, and nodes whose folding is measured; it grows evenly with them.
FOLDED, FOLD_NODES = 60, 50


def measure() -> list[Result]:
    """In a new home under the temporary folder, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="runyard-bench-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        (home / "static").mkdir()
        with Postgres(home).running() as url, Valkey(home).running():
            command = [sys.executable, "-m", "tests.bench.metrics"]
            environment = environment_of(home, url)
            said = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment).stdout
    return _results(json.loads(said))


def _results(took: dict[str, float]) -> list[Result]:
    read, theirs, size = took["read"] / took["prometheus"], took["prometheus"], took["bytes"]
    kept, alone = took["take"] + took["fold"], took["parse"]
    usual = took["client"]
    return [
        Result(
            "a day of one series to 500 points, CPU",
            f"{took['read'] * 1000:.2f} ms",
            f"the same means of Prometheus, {theirs * 1000:.2f} ms",
            read,
            "<= 0.7x",
            read <= 0.7,
        ),
        Result(
            "the same",
            f"{took['read'] * 1000:.2f} ms",
            f"its last values of steps, {took['prometheus_lasts'] * 1000:.2f} ms",
            took["read"] / took["prometheus_lasts"],
            "",
            True,
        ),
        Result(
            "the same, waiting too",
            f"{took['read_wall'] * 1000:.2f} ms",
            f"the same means of Prometheus, {took['prometheus_wall'] * 1000:.2f} ms",
            took["read_wall"] / took["prometheus_wall"],
            "",
            True,
        ),
        Result("a sample at rest", f"{size:.2f} bytes", "", None, "<= 2 bytes", size <= 2),
        Result(
            f"scrape of {NODES * GPUS:,} GPUs, CPU",
            f"{kept:.2f} s",
            f"our parser alone, {alone:.2f} s",
            kept / alone,
            "<= 3x",
            kept <= 3 * alone,
        ),
        Result("parser, CPU", f"{alone:.2f} s", f"prometheus_client, {usual:.1f} s", alone / usual, "", True),
        Result("latest use and GPUs of that, CPU", f"{took['latest']:.2f} s", "", None, "", True),
    ]


# --- the process that measures ---


def _measure() -> dict[str, float]:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    cluster = _cluster()
    return _scrape(cluster) | _read(cluster)


def _cluster():
    from runyard.clusters.models import Cluster

    return Cluster.objects.create(name="bench", kubeconfig="none")


def _backend() -> int:
    """The database's process that serves this one."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def _cpu(work: Callable[[], object], pid: int = 0) -> float:
    """Seconds of CPU of this process and of `pid`, the database's that serves it unless another is given."""
    pid = pid or _backend()
    began = time.process_time() + _spent(pid)
    work()
    return time.process_time() + _spent(pid) - began


def _spent(pid: int) -> float:
    """By the scheduler's count of each thread, which is in nanoseconds."""
    spent = (file.read_text() for file in Path(f"/proc/{pid}/task").glob("*/schedstat"))
    return sum(int(text.split()[0]) for text in spent) / 1e9


# --- a scrape ---

_FAMILIES = (
    *("GPU_UTIL", "FB_USED", "FB_FREE", "FB_RESERVED", "POWER_USAGE", "GPU_TEMP", "SM_CLOCK", "MEM_CLOCK"),
    *(
        "XID_ERRORS",
        "MEM_COPY_UTIL",
        "ENC_UTIL",
        "DEC_UTIL",
        "NVLINK_BANDWIDTH_TOTAL",
        "PCIE_REPLAY_COUNTER",
    ),
)
_PROFILING = ("GR_ENGINE_ACTIVE", "PIPE_TENSOR_ACTIVE", "DRAM_ACTIVE", "PCIE_TX_BYTES", "PCIE_RX_BYTES")


def _text(node: int, round_: int) -> bytes:
    """What DCGM's exporter of one node answers."""
    lines = []
    names = [f"DCGM_FI_DEV_{one}" for one in _FAMILIES] + [f"DCGM_FI_PROF_{one}" for one in _PROFILING]
    for place, name in enumerate(names):
        lines.append(f"# HELP {name} What it is (in its unit).\n# TYPE {name} gauge")
        for gpu in range(GPUS):
            of = f'gpu="{gpu}",UUID="GPU-{node:08x}-1c2d-3e4f-5a6b-{gpu:012x}",device="nvidia{gpu}"'
            of += f',pci_bus_id="00000000:{gpu:02X}:00.0",modelName="NVIDIA H100 80GB HBM3"'
            of += f',Hostname="node-{node}",DCGM_FI_DRIVER_VERSION="550.54.15"'
            of += f',container="main",namespace="red",pod="sft-{node}"'
            lines.append(f"{name}{{{of}}} {(node * 7 + gpu * 13 + place * 5 + round_ * 3) % 100}")
    return "\n".join(lines).encode() + b"\n"


def _answers(nodes: int, round_: int) -> list:
    from metrics.scraping.endpoints import GPUS as SOURCE
    from metrics.scraping.fetching import Answer, Endpoint

    return [Answer(Endpoint(SOURCE, f"node-{n}", f"/node-{n}"), _text(n, round_)) for n in range(nodes)]


def _scrape(cluster) -> dict[str, float]:
    from django.utils import timezone

    from metrics import latest
    from metrics.scraping.scraper import Scraper

    _pods(cluster)
    now, scraper = timezone.now(), Scraper(cluster)
    scraper.take(_answers(NODES, 0), now)
    take, parse, apply = [], [], []
    for n in range(1, REPEATS + 1):
        answers, at = _answers(NODES, n), now + timedelta(seconds=STEP * n)
        parse.append(_cpu(lambda answers=answers: _parse(scraper, answers)))
        looks = []
        take.append(_cpu(lambda answers=answers, at=at, looks=looks: looks.append(scraper.take(answers, at))))
        assert looks[0].samples == NODES * GPUS * 9, looks[0].samples
        apply.append(_cpu(lambda at=at, look=looks[0]: latest.apply(cluster, look.figures, "bench", at)))
    found = {"take": median(take), "parse": median(parse), "latest": median(apply)}
    return found | {"client": _client(_answers(100, 0)) * NODES / 100, "fold": _fold(cluster, scraper, now)}


def _pods(cluster) -> None:
    from django.utils import timezone

    from runyard.tenancy.models import Department, Project
    from workloads.models import Pod, Workload

    now = timezone.now()
    department = Department.objects.create(name="bench")
    project = Project.objects.create(name="red", department=department, namespace="red")
    common = {"cluster": cluster, "namespace": "red", "resource_version": "1", "created_at": now}
    rows = [
        Workload(project=project, kind="training", name=f"sft-{n}", uid=f"w{n}", phase_at=now, **common)
        for n in range(NODES)
    ]
    Workload.objects.bulk_create(rows)
    Pod.objects.bulk_create(
        Pod(workload=row, uid=f"p{row.uid}", name=row.name, node=row.name.replace("sft", "node"), **common)
        for row in rows
    )


def _parse(scraper, answers: list) -> None:
    from metrics.scraping.endpoints import NAMES
    from metrics.scraping.text import parse
    from metrics.series import Scope

    for answer in answers:
        page = parse(answer.body, NAMES[Scope.GPU], scraper._memories[answer.endpoint.path].known)
        assert not page.fresh


def _client(answers: list) -> float:
    from prometheus_client.parser import text_string_to_metric_families

    def work() -> None:
        for answer in answers:
            for family in text_string_to_metric_families(answer.body.decode()):
                assert family.samples

    return _cpu(work)


def _fold(cluster, scraper, now: datetime) -> float:
    """What folding costs for each scrape, when chunks of the hour are there already."""
    from metrics.models import Scraped
    from metrics.store import folding

    Scraped.objects.all().delete()
    hour = datetime.fromtimestamp(int(now.timestamp()) // 3600 * 3600, UTC)
    for n in range(2 * FOLDED):
        if n == FOLDED:
            folding.fold(cluster.pk, hour + timedelta(days=1))
        scraper.take(_answers(FOLD_NODES, n), hour + timedelta(seconds=STEP * n))
    took = _cpu(lambda: folding.fold(cluster.pk, hour + timedelta(days=1)))
    return took * NODES / FOLD_NODES / FOLDED


# --- a day ---


def _read(cluster) -> dict[str, float]:
    from django.conf import settings

    settings.METRICS_DAYS = 100
    end = int(time.time()) // 3600 * 3600
    days = _days(end - DAY)
    size = _write(cluster, days, end - DAY)
    folder = Path(settings.HOME, "prometheus")
    folder.mkdir()
    with real(folder, _openmetrics(days)) as (url, pid):
        return {"bytes": size} | _compare(cluster, url, pid, end)


def _days(start: int) -> dict:
    """A day of each metric of each pod, by number of the series: figures of a training, noise and all."""
    import numpy as np

    from metrics.series import METRICS, Labels
    from metrics.store.catalogue import numbers_of
    from metrics.store.packing import Samples
    from runyard.clusters.models import Cluster

    some, count = np.random.default_rng(7), DAY // STEP
    memory = np.repeat(some.integers(20_000, 70_000, count // 240), 240)
    figures = {
        "gpu_compute": lambda: np.clip(90 + some.normal(0, 6, count), 0, 100).round(),
        "gpu_memory": lambda: memory * 2.0**20,
        "gpu_memory_free": lambda: (80_000 - memory) * 2.0**20,
        "gpu_memory_reserved": lambda: np.full(count, 559 * 2.0**20),
        "gpu_tensor": lambda: np.clip(45 + some.normal(0, 3, count), 0, 100).round(1),
        "gpu_power": lambda: np.clip(620 + some.normal(0, 25, count), 60, 700).round(1),
        "gpu_temperature": lambda: (60 + np.cumsum(some.normal(0, 0.3, count)) % 15).round(),
        "cpu": lambda: np.cumsum(np.clip(some.normal(3.2, 0.3, count), 0, None) * STEP).round(6),
        "memory": lambda: 2.0**34 + np.cumsum(some.integers(-50, 51, count)) * 4096.0,
        "disk_written": lambda: np.cumsum(some.integers(0, 2, count) * 4096.0),
        "network_received": lambda: np.cumsum(some.poisson(3_000, count) * 64.0),
    }
    cluster, days = Cluster.objects.get(), {}
    for pod in range(PODS):
        labels = Labels(namespace="red", pod=f"day-{pod}", pod_uid=f"day-{pod}", node=f"day-{pod}")
        numbers = numbers_of(cluster.pk, [(key, labels) for key in figures])
        jitter = some.integers(-1, 2, count)  # tenths of a second
        times = (start + STEP * np.arange(1, count + 1)) * 10 + jitter
        for key, of in figures.items():
            days[numbers[key, labels]] = (METRICS[key], f"day-{pod}", Samples(times, of()))
    return days


def _write(cluster, days: dict, start: int) -> float:
    """Bytes a sample, with indexes and what was rewritten, once the database has cleaned up as it does."""
    from django.db import connection, transaction

    from metrics.models import Chunk, Resolution
    from metrics.store import chunks
    from metrics.store.packing import Samples
    from metrics.tasks import FOLD_SECONDS

    Chunk.objects.all().delete()
    metrics = {number: metric for number, (metric, _, _) in days.items()}
    with connection.cursor() as cursor:
        cursor.execute("VACUUM FULL metrics_chunk")
    span = chunks.SPANS[Resolution.RAW]
    for until in range(start, start + DAY + FOLD_SECONDS, FOLD_SECONDS):
        first = (until - 1) // span * span
        rows = []
        for number, (_, _, whole) in days.items():
            its = (whole.times >= first * 10) & (whole.times < until * 10)
            if its.any():
                rows.append((number, Resolution.RAW, first, Samples(whole.times[its], whole.values[its])))
        with transaction.atomic():
            chunks.write(metrics, rows)
        if until % 3600 == 0:
            with connection.cursor() as cursor:
                cursor.execute("VACUUM metrics_chunk")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_total_relation_size('metrics_chunk')")
        return cursor.fetchone()[0] / sum(len(samples) for _, _, samples in days.values())


def _openmetrics(days: dict) -> str:
    lines = []
    for key in sorted({metric.key for metric, _, _ in days.values()}):
        lines.append(f"# TYPE {key} gauge")
        for metric, pod, samples in days.values():
            if metric.key == key:
                times, values = samples.times.tolist(), samples.values.tolist()
                lines += [f'{key}{{pod="{pod}"}} {v!r} {t / 10}' for t, v in zip(times, values, strict=True)]
    return "\n".join([*lines, "# EOF", ""])


def _compare(cluster, url: str, prometheus: int, end: int) -> dict[str, float]:
    """CPU of a reading, and the time it takes: the least of ROUNDS, in turn, when others disturbed it least.

    Ours counts the database's process, theirs that of Prometheus (`prometheus`).
    """
    import numpy as np

    from metrics.question import grid_of

    grid = grid_of(datetime.fromtimestamp(end - DAY, UTC), datetime.fromtimestamp(end, UTC), POINTS)
    took: dict[str, list[float]] = defaultdict(list)
    means, lasts = f"avg_over_time(%s[{grid.step}s])", "%s"
    with _connected(url) as ask:
        works = {
            "read": (lambda pod: _ours(cluster, pod, grid), _backend()),
            "prometheus": (lambda pod: _theirs(ask, means, pod, grid), prometheus),
            "prometheus_lasts": (lambda pod: _theirs(ask, lasts, pod, grid), prometheus),
        }
        for _ in range(ROUNDS):
            for name, (work, server) in works.items():
                began = time.perf_counter()
                took[name].append(_cpu(lambda work=work: _read_all(work), server) / READS)
                took[f"{name}_wall"].append((time.perf_counter() - began) / READS)
        np.testing.assert_allclose(_ours(cluster, "day-1", grid), _theirs(ask, means, "day-1", grid), atol=4)
    return {name: min(values) for name, values in took.items()}


def _read_all(work: Callable[[str], object]) -> None:
    for n in range(READS):
        work(f"day-{n % PODS}")


def _ours(cluster, pod: str, grid):
    """From the pod's uid to an array, as the charts' source does it."""
    from metrics.question import PodTime, Question
    from metrics.series import METRICS
    from metrics.sources.stored import Stored

    pods = (PodTime(pod, "red", pod, pod, 0, None),)
    (only,) = Stored(cluster).read(Question(cluster, (METRICS["gpu_compute"],), pods, grid))
    return only.values


def _theirs(ask: Callable[[str], bytes], form: str, pod: str, grid):
    """The same from an answer of Prometheus, over a connection that is open and costs next to nothing."""
    import numpy as np

    from metrics.sources.asking import understood

    query = form % f'gpu_compute{{pod="{pod}"}}'
    asked = {"query": query, "start": grid.start, "end": grid.end, "step": grid.step}
    (found,) = understood(ask(f"/api/v1/query_range?{urlencode(asked)}"), 200, "matrix", "bench")
    return np.array([float(text) for _, text in found.values])


@contextmanager
def _connected(url: str) -> Iterator[Callable[[str], bytes]]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)

    def ask(path: str) -> bytes:
        connection.request("GET", path)
        return connection.getresponse().read()

    yield ask
    connection.close()


if __name__ == "__main__":
    print(json.dumps(_measure()))
