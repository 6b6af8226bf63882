"""How each endpoint that figures come from does, and since when: told by scrapes, read by people.

A row changes when what it says changes; when it was seen last is written once a minute.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from metrics.models import Health
from runyard.kit.writing import write_columns

MINUTE = timedelta(minutes=1)


def tell(cluster: int, told: Mapping[tuple[str, str], str], at: datetime, sources: Collection[str]) -> None:
    """`told`: by source and node what is wrong, empty for nothing; all there is to tell of `sources`."""
    rows = {(row.source, row.node): row for row in Health.objects.filter(cluster=cluster, source__in=sources)}
    gone = [row.pk for key, row in rows.items() if key not in told]
    if gone:
        Health.objects.filter(pk__in=gone).delete()
    changed, new = [], []
    for key, why in told.items():
        row = rows.get(key)
        if row is None:
            new.append(_changed(Health(cluster_id=cluster, source=key[0], node=key[1], since=at), why, at))
        elif row.why != why[:500] or (not why and (row.seen_at is None or at - row.seen_at >= MINUTE)):
            changed.append(_changed(row, why, at))
    Health.objects.bulk_create(new, ignore_conflicts=True)
    write_columns(changed, ["ok", "why", "since", "seen_at"])


def _changed(row: Health, why: str, at: datetime) -> Health:
    """Other words for the same trouble leave `since` as it is."""
    ok = not why
    if row.ok is not ok:
        row.since = at
    row.ok, row.why = ok, why[:500]
    if ok:
        row.seen_at = at
    return row
