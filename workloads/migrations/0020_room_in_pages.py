"""Leave room in the pages of the rows that the sync writes again and again.

A new version of a row that fits on its page, and changes no indexed column, touches no index (PostgreSQL's
heap-only tuples). A pod's row never changes one; a workload's only with its phase.
"""

from django.db import migrations

TABLES = ("workloads_workload", "workloads_pod")


class Migration(migrations.Migration):
    dependencies = [("workloads", "0019_search_text_apart")]

    operations = [
        migrations.RunSQL(
            f"ALTER TABLE {table} SET (fillfactor = 85)", f"ALTER TABLE {table} RESET (fillfactor)"
        )
        for table in TABLES
    ]
