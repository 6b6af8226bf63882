"""The kit's export, on rows of workloads: its bytes, and what becomes of it when either side goes away."""

import csv
import io
import threading
from contextlib import contextmanager

import httpx
import pytest
import uvicorn
from django.db import connection
from django.http import QueryDict
from django.urls import reverse

from runyard.kit import csv as kit_csv
from runyard.kit.csv import CHUNK_BYTES, table_csv
from tests.embedded import free_port, until
from tests.make import make_workload
from workloads.models import Workload
from workloads.tables import WorkloadTable

LONG = 8_000


def export(user, query="columns=all"):
    return table_csv(WorkloadTable, user, QueryDict(query))


@pytest.fixture
def long_rows(red, cluster):
    """2,000 workloads with long messages: 16 MB, more than sockets and pipes hold."""
    one = make_workload(red, cluster, message="x" * LONG)
    fields = {f.name: getattr(one, f.name) for f in Workload._meta.concrete_fields}
    for made_anew in ("id", "key", "uid", "name"):
        del fields[made_anew]
    Workload.objects.bulk_create(Workload(**fields, uid=f"uid-{n}", name=f"row-{n}") for n in range(1999))


@pytest.mark.parametrize("chunk_bytes", [1, 300, CHUNK_BYTES])
def test_rows_are_whole_wherever_a_chunk_ends(ada, red, cluster, monkeypatch, chunk_bytes):
    monkeypatch.setattr(kit_csv, "CHUNK_BYTES", chunk_bytes)
    texts = ["a\nb", 'say "x",', "ü", "", "\r\n"]
    for number, text in enumerate(texts):
        make_workload(red, cluster, name=f"row-{number}", message=text)
    written = b"".join(export(ada, "columns=name,status&sort=name")).decode()
    rows = list(csv.DictReader(io.StringIO(written, newline=""), strict=True))
    assert [row["Status detail"] for row in rows] == ["a\nb", 'say "x",', "ü", "", "'\r\n"]
    assert [row["Row count"] for row in rows] == ["", "", "", "", "5"]


def test_no_part_but_the_whole_ends_with_a_line(ada, red, cluster, monkeypatch):
    monkeypatch.setattr(kit_csv, "CHUNK_BYTES", 1)
    for _ in range(3):
        make_workload(red, cluster)
    *parts, last = export(ada)
    assert len(parts) == 4
    assert not any(part.endswith(b"\n") for part in parts)
    assert last == b"3\n"


def test_chunks_are_of_the_promised_size(ada, long_rows):
    header, *chunks, _, count = export(ada)
    assert len(header) < 1_000
    assert count == b"2000\n"
    assert all(CHUNK_BYTES <= len(chunk) < CHUNK_BYTES + 2 * LONG for chunk in chunks)


def test_nothing_is_asked_before_somebody_reads(ada, ada_training, django_assert_num_queries):
    with django_assert_num_queries(2):  # whose rights and projects; nothing of the rows
        unread = export(ada)
        unread.close()
    assert list(unread) == []


def test_closing_half_way_ends_the_statement_and_may_be_repeated(ada, long_rows):
    begun = export(ada)
    next(begun), next(begun)
    begun.close()
    begun.close()
    assert list(begun) == []


@contextmanager
def serving():
    """The product's own application on uvicorn, in threads of this process."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config("runyard.asgi:application", port=port, log_level="critical"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started, what="uvicorn")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


@contextmanager
def downloading(client):
    """The response to asking a running server for every row, its body not yet read."""
    cookies = {name: morsel.value for name, morsel in client.cookies.items()}
    with serving() as url, httpx.Client(base_url=url, cookies=cookies, timeout=20) as http:
        with http.stream("GET", f"{reverse('workload-csv')}?columns=all") as response:
            assert response.status_code == 200
            yield response
        until(lambda: not others(), what="the connections to be given back")


def others(where="true"):
    """The processes of PostgreSQL that serve somebody else than this test."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            f" AND {where}"
        )
        return [pid for (pid,) in cursor.fetchall()]


@pytest.mark.django_db(transaction=True)
def test_a_whole_export_over_http_ends_with_its_count_and_leaves_no_connection(ada, long_rows, browse):
    with downloading(browse(ada)) as response:
        written = response.read()
    assert written.endswith(b",2000\n")
    assert written.count(b"\n") == 2001


def end_the_export():
    with connection.cursor() as cursor:
        for pid in others("query LIKE 'COPY (SELECT%' AND state = 'active'"):
            cursor.execute("SELECT pg_terminate_backend(%s)", [pid])


@pytest.mark.django_db(transaction=True)
def test_an_export_that_the_database_breaks_off_fails_visibly(ada, long_rows, browse):
    received = []
    with downloading(browse(ada)) as response:
        parts = response.iter_raw(CHUNK_BYTES)
        received.append(next(parts))
        end_the_export()
        with pytest.raises(httpx.RemoteProtocolError):
            received.extend(parts)
    assert not b"".join(received).endswith(b"\n")


@pytest.mark.django_db(transaction=True)
def test_a_client_that_goes_away_ends_the_statement(ada, long_rows, browse):
    with downloading(browse(ada)) as response:
        next(response.iter_raw(CHUNK_BYTES))
        assert others("query LIKE 'COPY (SELECT%'")
