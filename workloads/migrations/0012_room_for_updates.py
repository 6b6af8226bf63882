"""Rows keep room beside them: a change that no index holds is then written there, and no index is touched.

It counts for what is written from now on; what is there moves by and by.
"""

from django.db import migrations

TABLES = ("workloads_workload", "workloads_pod")


class Migration(migrations.Migration):
    dependencies = [("workloads", "0011_pod_role")]
    operations = [
        migrations.RunSQL(
            f"ALTER TABLE {table} SET (fillfactor = 80)", f"ALTER TABLE {table} RESET (fillfactor)"
        )
        for table in TABLES
    ]
