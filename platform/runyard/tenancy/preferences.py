"""What a person has chosen for themselves: today the columns of tables. Views read and keep it here.

What is kept was checked by `kit.layout.as_saved`; what is read may be older than the tables it speaks of.
"""

from typing import Any

from django.db import transaction

from runyard.tenancy.models import User


def table_choice(user: Any, table: str) -> Any:
    """What `keep_table_choice` kept for `table`; None for nothing, or for what makes no sense any more."""
    return _part(user.preferences, "tables").get(table)


def keep_table_choice(user: Any, table: str, choice: dict[str, Any] | None) -> None:
    """Keep `choice` for `table`, or forget what was kept; other preferences stay."""
    with transaction.atomic():
        row = User.objects.select_for_update().only("preferences").get(pk=user.pk)
        others = {name: kept for name, kept in _part(row.preferences, "tables").items() if name != table}
        tables = others if choice is None else {**others, table: choice}
        kept = row.preferences if isinstance(row.preferences, dict) else {}
        row.preferences = {**kept, "tables": tables}
        row.save(update_fields=["preferences"])
    user.preferences = row.preferences


def _part(preferences: Any, name: str) -> dict[str, Any]:
    part = preferences.get(name) if isinstance(preferences, dict) else None
    return part if isinstance(part, dict) else {}
