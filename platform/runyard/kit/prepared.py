"""Statements that are asked so often that PostgreSQL should plan them once a connection, and no more.

For those written by hand whose plan takes longer than their answer; of others `kit.compiled` spares
Django's part.
"""

from collections.abc import Sequence
from typing import Any

from django.db import connection
from psycopg import Cursor


def prepared(statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    """The rows of `statement`, each `%s` of which is a value of a type that its place tells.

    One plan serves all values: a statement for which the best one depends on them has no place here. A
    connection that has only been in transactions plans each time.
    Rows come in PostgreSQL's binary form: bytes are not spelled out. Raises what Django raises.
    """
    with connection.cursor() as opened, connection.wrap_database_errors:
        plain = opened.connection
        # First as Django leaves it, which prepares nothing. A transaction might take the setting back.
        if plain.prepare_threshold is None and plain.autocommit:
            plain.execute("SET plan_cache_mode = force_generic_plan")
            plain.prepare_threshold = 0
        return Cursor(plain).execute(statement, values, prepare=True, binary=True).fetchall()
