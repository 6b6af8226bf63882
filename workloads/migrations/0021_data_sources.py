import django.contrib.postgres.fields
from django.db import migrations, models


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
    ]
