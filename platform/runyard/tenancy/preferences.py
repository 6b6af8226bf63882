"""What is kept with a person: the columns they chose for tables, and when they last began a bulk action.

It is read with the person, so asking here costs no query. Views and tasks read and keep it here.

What is kept was checked by `kit.layout.as_saved`; what is read may be older than the tables it speaks of.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.dateparse import parse_datetime

from runyard.tenancy.models import User


def table_choice(user: Any, table: str) -> Any:
    """What `keep_table_choice` kept for `table`; None for nothing, or for what makes no sense any more."""
    return _part(user.preferences, "tables").get(table)


def keep_table_choice(user: Any, table: str, choice: dict[str, Any] | None) -> None:
    """Keep `choice` for `table`, or forget what was kept; other preferences stay."""

    def change(preferences: dict[str, Any]) -> dict[str, Any]:
        others = {name: kept for name, kept in _part(preferences, "tables").items() if name != table}
        return {**preferences, "tables": others if choice is None else {**others, table: choice}}

    _keep(user, change)


def bulk_begun(user: Any) -> datetime | None:
    """When `note_bulk` was last told; None for never, or for what makes no sense."""
    kept = user.preferences.get("bulk_begun") if isinstance(user.preferences, dict) else None
    try:
        moment = parse_datetime(kept) if isinstance(kept, str) else None
    except ValueError:
        return None
    return moment if moment and moment.tzinfo else None


def note_bulk(user: Any, at: datetime) -> None:
    """The person has begun a bulk action: their pages look for it for a while."""
    _keep(user, lambda preferences: {**preferences, "bulk_begun": at.isoformat()})


def _keep(user: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Write what `change` makes of the preferences as they are now; two at once lose nothing."""
    with transaction.atomic():
        row = User.objects.select_for_update().only("preferences").get(pk=user.pk)
        row.preferences = change(row.preferences if isinstance(row.preferences, dict) else {})
        row.save(update_fields=["preferences"])
    user.preferences = row.preferences


def _part(preferences: Any, name: str) -> dict[str, Any]:
    part = preferences.get(name) if isinstance(preferences, dict) else None
    return part if isinstance(part, dict) else {}
