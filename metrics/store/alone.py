"""One at a time merges samples into the chunks of a cluster: of two that have read the same chunk, the later
would write over what the earlier put into it.

A worker that stands still in the middle of it loses what it did to PostgreSQL's patience; the next goes on.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

IDLE_SECONDS = 120  # between two statements; samples of many nodes are put together meanwhile
_CHUNKS = 0x63_68_75_6E  # of all advisory locks of the database, ours


@contextmanager
def mortal(seconds: int) -> Iterator[CursorWrapper]:
    """A transaction that PostgreSQL takes back where the worker stands still in it for so long."""
    with transaction.atomic(), connection.cursor() as cursor:
        patience = "SELECT set_config('idle_in_transaction_session_timeout', %s, true)"
        cursor.execute(patience, [f"{seconds}s"])
        yield cursor


@contextmanager
def alone(cluster: int) -> Iterator[bool]:
    """A transaction, and whether nobody else is at the chunks of `cluster`; if somebody is, write none."""
    with mortal(IDLE_SECONDS) as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [_CHUNKS, cluster])
        yield cursor.fetchone()[0]
