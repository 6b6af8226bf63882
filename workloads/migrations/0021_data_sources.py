import django.contrib.postgres.fields
from django.db import migrations, models

# What is there already is read once more at the next look at its cluster, as if it had changed.
READ_AGAIN = (
    "UPDATE workloads_workload SET resource_version = '' WHERE deleted_at IS NULL AND resource_version <> ''"
)


class Migration(migrations.Migration):
    dependencies = [("workloads", "0020_gpu_groups")]

    operations = [
        migrations.AddField(
            model_name="workload",
            name="data_sources",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.TextField(),
                db_default=[],
                default=list,
                help_text="See `workloads.data_sources`.",
                size=None,
            ),
        ),
        migrations.RunSQL(READ_AGAIN, migrations.RunSQL.noop),
    ]
