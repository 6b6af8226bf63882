"""Syncs a big cluster by the product's own parts: `python -m tests.bench.sync_run WAY JOBS`.

`first` fills an empty database; `again` lists everything once more with nothing changed, then, for each line
it is sent, with another hundredth changed. Prints a line of JSON after each.
"""

import json
import resource
import sys
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

import django

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

RESOURCES = ("jobs", "pods")
WRITES = "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)::bigint FROM pg_stat_user_tables"


class Sync:
    """What a runner does of the two large resources, one after the other."""

    def __init__(self, jobs: int):
        self._cluster, _ = Cluster.objects.get_or_create(name="big")
        self.api = BigCluster(jobs)
        watched = [one for one in WATCHED if one.resource in RESOURCES]
        began = time.perf_counter()
        stores = [Store(one.resource, known(self._cluster, one.resource)) for one in watched]
        self.reading_known = time.perf_counter() - began
        sources = [Source(self.api, one) for one in watched]  # type: ignore[arg-type]
        self._pairs = list(zip(sources, stores, strict=True))
        epoch = lease.take(self._cluster)
        assert epoch
        self._applier, self._epoch = Applier(self._cluster, epoch), epoch

    def again(self) -> dict[str, Any]:
        """List everything and write what is news: how many, seconds of either, CPU seconds, row writes."""
        before, cpu, began = writes(), time.process_time(), time.perf_counter()
        making, making_cpu = self.api.making, self.api.making_cpu
        news, writing = 0, 0.0
        for batch in self._batches():
            news += len(batch)
            since = time.perf_counter()
            self._applier.apply(batch)
            writing += time.perf_counter() - since
        listing = time.perf_counter() - began - writing - (self.api.making - making)
        cpu = time.process_time() - cpu - (self.api.making_cpu - making_cpu)
        assert not self._applier.bad, self._applier.bad
        return {
            "news": news,
            "writing": writing,
            "listing": listing,
            "cpu": cpu,
            "writes": writes() - before,
        }

    def _batches(self) -> Iterator[list[Seen]]:
        for source, store in self._pairs:
            news = store.replace(source.list())
            while batch := list(islice(news, BATCH)):
                yield batch

    def release(self) -> None:
        lease.release(self._cluster, self._epoch)


def writes() -> int:
    """Rows written so far in the database, by anybody; a backend that ends leaves its counts behind."""
    connection.close()
    counts = [-1, -2]
    while counts[-1] != counts[-2]:
        time.sleep(0.5)
        with connection.cursor() as cursor:
            cursor.execute(WRITES)
            counts.append(cursor.fetchone()[0])
        connection.close()
    return counts[-1]


def prepare() -> None:
    call_command("migrate", verbosity=0)
    department = Department.objects.create(name="all")
    for name in namespaces():
        Project.objects.create(name=name, namespace=name, department=department)


def peak() -> float:
    """MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def first(jobs: int) -> Iterator[dict[str, Any]]:
    prepare()
    sync = Sync(jobs)
    yield sync.again() | {"peak": peak()}
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    sync.release()


def again(jobs: int) -> Iterator[dict[str, Any]]:
    sync = Sync(jobs)
    yield sync.again() | {"peak": peak(), "known": sync.reading_known}
    for _ in sys.stdin:
        sync.api.change()
        yield sync.again() | {"peak": peak()}
    sync.release()


if __name__ == "__main__":
    for found in {"first": first, "again": again}[sys.argv[1]](int(sys.argv[2])):
        print(json.dumps(found), flush=True)
