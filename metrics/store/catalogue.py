"""Which series the own store has: their numbers by what they are, made when first seen."""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import astuple
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import CharField

from metrics.models import Resolution, StoredSeries
from metrics.series import METRICS, Labels, Metric
from metrics.store.packing import Grain

Key = tuple[str, Labels]
_TABLE = StoredSeries._meta.db_table
#: A rate is finer than the steps of the counter it was made of.
_RATE = 16
_LENGTHS = {
    field.name: field.max_length
    for field in StoredSeries._meta.concrete_fields
    if field.name in Labels.__slots__ and isinstance(field, CharField)
}


def numbers_of(cluster: int, keys: Collection[Key]) -> dict[Key, int]:
    """The number of each series (key of a metric, and labels), new ones made."""
    by_identity = {_identity(cluster, key): key for key in keys}
    found = _found(by_identity)
    new = [_row(cluster, identity, key) for identity, key in by_identity.items() if identity not in found]
    if new:
        StoredSeries.objects.bulk_create(new, batch_size=2_000, ignore_conflicts=True)
        found |= _found([row.identity for row in new])
    return {by_identity[identity]: pk for identity, pk in found.items()}


def _found(identities: Iterable[UUID]) -> dict[UUID, int]:
    return dict(_selected("identity, id", "identity", list(identities)))


def _identity(cluster: int, key: Key) -> UUID:
    metric, labels = key
    text = "\0".join((str(cluster), metric, *astuple(labels)[1:]))
    return UUID(bytes=hashlib.blake2b(text.encode(errors="replace"), digest_size=16).digest())


def _row(cluster: int, identity: UUID, key: Key) -> StoredSeries:
    metric, labels = key
    own = {name: getattr(labels, name)[:most] for name, most in _LENGTHS.items()}
    return StoredSeries(identity=identity, cluster_id=cluster, metric=metric, **own)


def grain_of(metric: Metric, resolution: int) -> Grain:
    """What chunks of it are exact to. Those of means hold rates, not counters."""
    if resolution == Resolution.RAW:
        return Grain(metric.quantum, sloping=metric.counter)
    return Grain(metric.quantum / (_RATE if metric.counter else 1), resolution * 10)


def metrics_of(numbers: Iterable[int]) -> dict[int, Metric]:
    """The metric of each series, where we still know it."""
    rows = _selected("id, metric", "id", list(numbers))
    return {pk: METRICS[key] for pk, key in rows if key in METRICS}


def _selected(what: str, by: str, values: list[Any]) -> list[tuple[Any, Any]]:
    """Of those whose `by` is one of `values`: tens of thousands of them, which is too many for `__in`."""
    statement = f"SELECT {what} FROM {_TABLE} WHERE {by} = ANY(%s)"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(statement, [values])
        return cursor.fetchall()
