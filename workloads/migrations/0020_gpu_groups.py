import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("workloads", "0019_search_text_apart")]

    operations = [
        migrations.AddField(
            model_name="pod",
            name="gpu_groups",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=63),
                db_default=[],
                default=list,
                help_text="Of shared GPUs it is on.",
                size=None,
            ),
        ),
        migrations.AddField(
            model_name="pod",
            name="reserves_gpu",
            field=models.BooleanField(
                db_default=False, default=False, help_text="It holds the GPU for the others of its group."
            ),
        ),
        migrations.AlterField(
            model_name="pod",
            name="containers",
            field=models.JSONField(default=list, help_text="See `reading._container`."),
        ),
        migrations.AlterField(
            model_name="workload",
            name="version",
            field=models.BigIntegerField(default=0, help_text="Grows with every change but of its use."),
        ),
        migrations.AddIndex(
            model_name="pod",
            index=models.Index(
                condition=models.Q(("gpu_groups", []), _negated=True),
                fields=["cluster"],
                name="pods_of_shared_gpus",
            ),
        ),
    ]
