"""A table as CSV: every row that matches, written by PostgreSQL (COPY) and passed on as it comes.

Knows no domain. One statement, so one snapshot; never held whole. docs/csv.md says what is in the file,
docs/decisions/0010-complete-exports.md how one that broke off is told from one that is complete.
"""

import csv
import io
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from threading import BoundedSemaphore, Lock
from typing import Any

import psycopg
from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import QuerySet, TextField, Value
from django.http import QueryDict, StreamingHttpResponse
from django.utils import timezone

from runyard.kit.columns import Column
from runyard.kit.streaming import stream_response
from runyard.kit.tables import Table

CHUNK_BYTES, CANCEL_SECONDS = 64 * 1024, 5
#: Exports of one process at a time: each has a database connection for as long as its reader takes.
AT_ONCE, TRY_AGAIN_SECONDS = 4, 10
#: The last column: empty, but for the last row, where it says how many rows there are.
COUNT = "Row count"

Statement = tuple[str, tuple[Any, ...]]  # SQL and its parameters


def table_csv(table: type[Table], user: Any, params: QueryDict, saved: Any = None) -> "Export":
    """What `table.page` shows for the same arguments, all rows of it; `columns=all` for every column.

    Raises BadQuery as `table.read` does.
    """
    wanted = params.copy()
    everything = wanted.get("columns") == "all"
    if everything:
        del wanted["columns"]
    query = table.read(wanted, saved)
    columns = table.columns.values() if everything else query.layout.columns
    return rows_export(table.sorted(table.matching(user, query), query), columns)


def rows_export(rows: QuerySet[Any], columns: Iterable[Column]) -> "Export":
    """The fields of `columns` of all `rows`, in their order."""
    fields = {header: value for column in columns for header, value in column.fields()}
    return Export(fields, copy_statement(rows, fields), rows.db)


def csv_response(export: "Export", table: str, part: str) -> StreamingHttpResponse:
    """A download named after the table, the part of it (a saved view or a project) and the moment.

    Raises Busy while AT_ONCE others run.
    """
    export.take_turn()
    name = f"{table}-{part}-{timezone.now():%Y%m%dT%H%M%SZ}.csv"
    response = stream_response(export, "text/csv; charset=utf-8; header=present", name)
    response["Cache-Control"] = "no-store"
    return response


class Busy(Exception):
    """Too many exports run; the message says what to do."""

    def __init__(self) -> None:
        super().__init__(f"{AT_ONCE} downloads run already. Try again in {TRY_AGAIN_SECONDS} seconds.")


_turns = BoundedSemaphore(AT_ONCE)


class Export:
    """The bytes of one file, about CHUNK_BYTES at a time, each asked for in any thread.

    Nothing is asked of the database before the first chunk is. From then on the export has the connection
    of the thread that made it, until the last chunk, an error, or `close`.
    """

    def __init__(self, headers: Iterable[str], statement: Statement | None, using: str) -> None:
        """`statement` is a COPY of the columns `headers` and an empty last one; None for no row."""
        self.headers = (*headers, COUNT)
        self.statement = statement
        self._connection, self._turn = connections[using], Lock()
        self._running: psycopg.Connection[Any] | None = None
        self._chunks = self._read()
        self._has_turn = False

    def take_turn(self) -> None:
        """One of AT_ONCE, until `close`. Raises Busy where none is free."""
        if not _turns.acquire(blocking=False):
            raise Busy
        self._has_turn = True

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        with self._turn:
            return next(self._chunks)

    def close(self) -> None:
        """End the statement if it still runs, and give the connection back. As often as one likes."""
        if running := self._running:
            with suppress(psycopg.Error):
                running.cancel_safe(timeout=CANCEL_SECONDS)  # also ends a read that waits in another thread
        with self._turn:
            self._chunks.close()
            if self._has_turn:
                self._has_turn = False
                _turns.release()

    def _read(self) -> Generator[bytes, None, None]:
        """A line's end goes out with what follows it, so that the last line can still be given its count."""
        yield _line(self.headers)
        count = 0
        if self.statement:
            with ExitStack() as held:
                cursor, copy = self._start(held, self.statement)
                for lines in _batches(copy):
                    yield b"".join([b"\n", *lines])[:-1]
                count = cursor.rowcount
        yield b"%d\n" % count if count else b"\n"

    def _start(self, held: ExitStack, statement: Statement) -> tuple[Any, psycopg.Copy]:
        self._connection.inc_thread_sharing()
        held.callback(self._connection.dec_thread_sharing)
        held.callback(self._give_back)
        held.callback(setattr, self, "_running", None)
        cursor = held.enter_context(self._connection.cursor())
        self._running = self._connection.connection
        return cursor, held.enter_context(cursor.copy(*statement))

    def _give_back(self) -> None:
        """As Django does after a request; a transaction's connection stays its owner's."""
        if not self._connection.in_atomic_block:
            self._connection.close_if_unusable_or_obsolete()


def copy_statement(rows: QuerySet[Any], fields: Mapping[str, Any]) -> Statement | None:
    """The COPY of `fields` of `rows`, and an empty column for the count; None where no row can match."""
    count = Value(None, output_field=TextField())
    try:
        select, params = rows.values_list(*fields.values(), count).query.sql_with_params()
    except EmptyResultSet:
        return None
    return f"COPY ({select}) TO STDOUT WITH (FORMAT csv)", params


def _batches(copy: psycopg.Copy) -> Iterator[list[Any]]:
    """The lines of `copy`, each as PostgreSQL sent it, in lists of about CHUNK_BYTES."""
    lines, size = [], 0
    for line in copy:
        lines.append(line)
        size += len(line)
        if size >= CHUNK_BYTES:
            yield lines
            lines, size = [], 0
    if lines:
        yield lines


def _line(cells: Iterable[str]) -> bytes:
    """One line as PostgreSQL writes it, without its end."""
    written = io.StringIO()
    csv.writer(written, lineterminator="").writerow(cells)
    return written.getvalue().encode()
