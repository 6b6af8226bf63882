"""Statements that are planned once a connection: what a transaction leaves behind, and what fails."""

import pytest
from django.db import DatabaseError, connection, transaction

from runyard.kit.prepared import prepared

pytestmark = pytest.mark.django_db(transaction=True)
MODE = "SELECT setting FROM pg_settings WHERE name = 'plan_cache_mode'"


@pytest.fixture(autouse=True)
def fresh_connection():
    connection.close()
    yield
    connection.close()


def names():
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        return [text for (text,) in cursor.fetchall()]


def test_a_statement_is_planned_once_for_all_values():
    assert [prepared("SELECT %s::int8 + 1", [number]) for number in (1, 2)] == [[(2,)], [(3,)]]
    assert names() == ["SELECT $1::int8 + 1"]
    assert prepared(MODE, []) == [("force_generic_plan",)]


def test_a_transaction_that_is_rolled_back_takes_nothing_along():
    with transaction.atomic():
        assert prepared("SELECT %s::int8", [7]) == [(7,)]
        transaction.set_rollback(True)
    assert prepared(MODE, []) == [("force_generic_plan",)]


def test_what_fails_is_an_error_of_django_and_harms_nothing_else():
    with pytest.raises(DatabaseError):
        prepared("SELECT 1 / %s::int8", [0])
    with transaction.atomic():
        with pytest.raises(DatabaseError), transaction.atomic():
            prepared("SELECT 1 / %s::int8", [0])
        assert prepared("SELECT 4 / %s::int8", [2]) == [(2,)]


def test_bytes_come_as_they_are():
    assert prepared("SELECT %s::bytea, %s::text[]", [b"\0\xff", ["a", ""]]) == [(b"\0\xff", ["a", ""])]
