"""Syncs a big cluster by the product's own parts: `python -m tests.bench.sync_run WAY JOBS`.

`first` fills an empty database; `again` lists everything once more with nothing changed, then, for each line
it is sent, with another hundredth changed. Prints a line of JSON after each.
"""

import json
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import Any

import django
import psutil

django.setup()  # before anything that holds models is imported

# ruff: noqa: E402
from django.core.management import call_command
from django.db import connection

from runyard.clusters.models import Cluster
from runyard.clusters.observed import Seen
from runyard.sync import lease
from runyard.sync.applier import BATCH, Applier
from runyard.sync.known import known
from runyard.sync.runner import WATCHED
from runyard.sync.source import Source
from runyard.sync.store import Store
from runyard.tenancy.models import Department, Project
from tests.bench.big_cluster import BigCluster, namespaces
from tests.bench.memory import peak

RESOURCES = ("jobs", "pods")
WRITES = "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)::bigint FROM pg_stat_user_tables"


class Sync:
    """What a runner does of the two large resources of `cluster`, by `api`, which stands where its connection
    does: a list of both now and then."""

    def __init__(self, cluster: Cluster, api: Any):
        self._cluster, self.api = cluster, api
        watched = [one for one in WATCHED if one.resource in RESOURCES]
        began = time.perf_counter()
        stores = [Store(one.resource, known(self._cluster, one.resource)) for one in watched]
        self.reading_known = time.perf_counter() - began
        sources = [Source(api, one) for one in watched]
        self._pairs = list(zip(sources, stores, strict=True))
        epoch = lease.take(self._cluster)
        assert epoch
        self._applier, self._epoch = Applier(self._cluster, epoch), epoch

    def again(self) -> dict[str, Any]:
        """List everything and write what is news: how many, seconds of either, CPU seconds, row writes.

        CPU seconds are this process's (`cpu`), the database's (`database`), and both together while writing.
        """
        before, database, cpu = writes(), database_cpu(), time.process_time()
        making, making_cpu, began = self.api.making, self.api.making_cpu, time.perf_counter()
        news, writing, writing_cpu = 0, 0.0, 0.0
        for batch in self._batches():
            news += len(batch)
            busy, since = database_cpu() + time.process_time(), time.perf_counter()
            self._applier.apply(batch)
            writing_cpu += time.process_time() + database_cpu() - busy
            writing += time.perf_counter() - since
        listing = time.perf_counter() - began - writing - (self.api.making - making)
        cpu = time.process_time() - cpu - (self.api.making_cpu - making_cpu)
        assert not self._applier.bad, self._applier.bad
        return {
            "news": news,
            "writing": writing,
            "listing": listing,
            "cpu": cpu,
            "database": database_cpu() - database,
            "writing_cpu": writing_cpu,
            "writes": writes() - before,
        }

    def _batches(self) -> Iterator[list[Seen]]:
        """Of both resources, as they come out of a runner's one inbox."""
        news = chain.from_iterable(store.replace(source.list()) for source, store in self._pairs)
        while batch := list(islice(news, BATCH)):
            yield batch

    def release(self) -> None:
        lease.release(self._cluster, self._epoch)


def writes() -> int:
    """Rows written so far in the database, by anybody; this process's own are told at once."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute(WRITES)
        return cursor.fetchone()[0]


def prepare(names: Iterable[str]) -> None:
    """Tables, and a project for each of these namespaces."""
    call_command("migrate", verbosity=0)
    department = Department.objects.create(name="all")
    for name in names:
        Project.objects.create(name=name, namespace=name, department=department)


def database_cpu() -> float:
    """CPU seconds of all processes of the database so far, those that ended included."""
    connection.ensure_connection()
    server = psutil.Process(connection.connection.info.backend_pid).parent()
    children, ended = Path(f"/proc/{server.pid}/task/{server.pid}/children"), server.cpu_times()
    return ended.children_user + ended.children_system + sum(map(_seconds, children.read_text().split()))


def _seconds(pid: str) -> float:
    """To the microsecond, which the times that psutil reads are not."""
    with suppress(OSError):  # it has just ended
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    return 0.0


def first(jobs: int) -> Iterator[dict[str, Any]]:
    prepare(namespaces())
    sync = Sync(Cluster.objects.create(name="big"), BigCluster(jobs))
    yield sync.again() | {"peak": peak()}
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    sync.release()


def again(jobs: int) -> Iterator[dict[str, Any]]:
    sync = Sync(Cluster.objects.get(name="big"), BigCluster(jobs))
    yield sync.again() | {"peak": peak(), "known": sync.reading_known}
    for _ in sys.stdin:
        sync.api.change()
        yield sync.again() | {"peak": peak()}
    sync.release()


if __name__ == "__main__":
    for found in {"first": first, "again": again}[sys.argv[1]](int(sys.argv[2])):
        print(json.dumps(found), flush=True)
