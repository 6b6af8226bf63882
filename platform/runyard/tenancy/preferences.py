"""What a person has chosen for themselves: today the columns of tables. Views read and keep it here.

What is kept was checked by `kit.layout.as_saved`; what is read may be older than the tables it speaks of.
"""

from typing import Any

from django.db import transaction

from runyard.tenancy.models import User


def table_choice(user: Any, table: str) -> Any:
    """What `keep_table_choice` kept for `table`; None for nothing, or for what makes no sense any more."""
    tables = user.preferences.get("tables") if isinstance(user.preferences, dict) else None
    return tables.get(table) if isinstance(tables, dict) else None


def keep_table_choice(user: Any, table: str, choice: dict[str, Any] | None) -> None:
    """Keep `choice` for `table`, or forget what was kept; other preferences stay."""
    with transaction.atomic():
        row = User.objects.select_for_update().only("preferences").get(pk=user.pk)
        kept = row.preferences if isinstance(row.preferences, dict) else {}
        tables = dict(kept.get("tables") or {})
        tables.pop(table, None)
        if choice is not None:
            tables[table] = choice
        row.preferences = {**kept, "tables": tables}
        row.save(update_fields=["preferences"])
    user.preferences = row.preferences
