"""Syncs a real cluster by the product's own parts: `python -m tests.bench.cluster_run WAY KUBECONFIG`.

`first` reads everything into empty tables; `again` lists once more, and once more for each line it is sent;
`bare` does what nobody can do without, for the same rows; `follow` syncs until its input ends, and says how
large it is for each line. Each prints lines of JSON.
"""

import gc
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

# isort: off
from tests.bench.sync_run import RESOURCES, Sync, database_cpu, prepare  # sets Django up

# isort: on
from django.db import connection

from runyard.clusters.connection import ApiError, Connection
from runyard.clusters.models import Cluster
from runyard.sync import lease
from runyard.sync.runner import WATCHED, Runner
from runyard.sync.source import PAGE
from runyard.tenancy.models import Department
from tests.bench.cluster_pods import NAMESPACES, namespace
from tests.bench.memory import peak

TABLES = ("workloads_workload", "workloads_searchtext", "workloads_pod", "workloads_phasechange")
LATE = "Too large resource version"  # its cache is not yet where etcd is
FOLLOWED = 60 * 60  # seconds; it ends long before


class Wire(Connection):
    """The cluster makes what it lists: no time of ours goes into that."""

    making = making_cpu = 0.0


def first(cluster: Cluster) -> Iterator[dict[str, Any]]:
    _run("TRUNCATE workloads_workload CASCADE")
    sync = Sync(cluster, Wire(cluster.kubeconfig))
    try:
        yield sync.again() | {"peak": peak()}
    except ApiError as error:
        if LATE not in str(error):
            raise
        yield {"late": str(error)}
    sync.release()
    _run("VACUUM ANALYZE")


def again(cluster: Cluster) -> Iterator[dict[str, Any]]:
    sync = Sync(cluster, Wire(cluster.kubeconfig))
    yield sync.again() | {"peak": peak()}
    for _ in sys.stdin:
        yield sync.again() | {"peak": peak()}
    sync.release()


def bare(cluster: Cluster) -> Iterator[dict[str, Any]]:
    """CPU seconds of a bare decode of the lists, and of a COPY of the rows into tables like theirs."""
    api = Wire(cluster.kubeconfig)
    decode = sum(_decode(api, one.path, one.type) for one in WATCHED if one.resource in RESOURCES)
    yield {"decode": decode, "copy": sum(map(_copy, TABLES))}


def _decode(api: Connection, path: str, kind: type) -> float:
    page = msgspec.defstruct("PageOf", [("items", list[kind]), ("metadata", dict[str, Any])])  # type: ignore[valid-type]
    decoder, token, spent = msgspec.json.Decoder(page), "", 0.0
    gc.disable()
    while True:
        body = api.read("GET", path, params={"limit": PAGE} | ({"continue": token} if token else {}))
        began = time.process_time()
        decoded: Any = decoder.decode(body)
        spent += time.process_time() - began
        if not (token := decoded.metadata.get("continue", "")):
            return spent


def _copy(table: str) -> float:
    with connection.cursor() as cursor:
        with cursor.copy(f"COPY {table} TO STDOUT") as copy:
            rows = b"".join(copy)
        cursor.execute(f"CREATE TABLE copied (LIKE {table} INCLUDING ALL)")

        def work() -> None:
            with cursor.copy("COPY copied FROM STDIN") as copy:
                copy.write(rows)

        spent = _spent(work)
        cursor.execute("DROP TABLE copied")
    return spent


def _spent(work: Callable[[], None]) -> float:
    """CPU seconds, the database's included."""
    before = database_cpu() + time.process_time()
    work()
    return time.process_time() + database_cpu() - before


def follow(cluster: Cluster) -> Iterator[dict[str, Any]]:
    """As a worker does it, until there is no more input."""
    yield {"peak": peak()}
    epoch, stop = lease.take(cluster), threading.Event()
    assert epoch

    def answer() -> None:
        for _ in sys.stdin:
            print(json.dumps({"peak": peak()}), flush=True)
        stop.set()

    threading.Thread(target=answer, daemon=True).start()
    Runner(cluster, epoch, stop).run(FOLLOWED)
    lease.release(cluster, epoch)


def _run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def _cluster(kubeconfig: str) -> Cluster:
    """Its row; where there is none, in a database that is made for it."""
    if "tenancy_department" not in connection.introspection.table_names() or not Department.objects.exists():
        prepare(map(namespace, range(NAMESPACES)))
    return Cluster.objects.get_or_create(name="real", defaults={"kubeconfig": kubeconfig})[0]


WAYS = {"first": first, "again": again, "bare": bare, "follow": follow}

if __name__ == "__main__":
    for found in WAYS[sys.argv[1]](_cluster(sys.argv[2])):
        print(json.dumps(found), flush=True)
