"""When Kueue tries a workload again is kept, and which queue KAI has not: schedulers' objects are read once more at
the next look at their cluster."""

from django.db import migrations, models

READ_AGAIN = "UPDATE workloads_queueentry SET resource_version = '0'"


class Migration(migrations.Migration):
    dependencies = [("workloads", "0026_phase_changes_index")]
    operations = [
        migrations.AddField(
            model_name="queueentry",
            name="again",
            field=models.JSONField(
                db_default={},
                default=dict,
                help_text="When Kueue tries it again, and how often it did: {at, count}",
            ),
        ),
        migrations.RunSQL(READ_AGAIN, migrations.RunSQL.noop),
    ]
