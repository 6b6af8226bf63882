"""What is there is read once more at the next look at its cluster: data sources, shared GPUs, limits of CPU.

Apart from the columns, whose migrations hold up all readers until they end. Not the empty version of what was
never seen: what changed meanwhile is then still told as a change.
"""

from django.db import migrations

ABSENT = {"workloads_workload": "deleted_at", "workloads_pod": "gone_at"}
READ_AGAIN = [
    f"UPDATE {table} SET resource_version = '0' WHERE {gone} IS NULL AND resource_version <> ''"  # noqa: S608
    for table, gone in ABSENT.items()
]


class Migration(migrations.Migration):
    dependencies = [("workloads", "0021_data_sources")]
    operations = [migrations.RunSQL(READ_AGAIN, migrations.RunSQL.noop)]
