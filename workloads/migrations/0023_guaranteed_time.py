import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("clusters", "0004_pod_network"), ("workloads", "0022_read_again")]

    operations = [
        migrations.AddField(
            model_name="queueentry",
            name="started_at",
            field=models.DateTimeField(help_text="When KAI gave its pods nodes last.", null=True),
        ),
        migrations.AddField(
            model_name="workload",
            name="guaranteed_until",
            field=models.DateTimeField(help_text="See `queueing.guarantees`.", null=True),
        ),
        migrations.CreateModel(
            name="KaiQueue",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uid", models.CharField(max_length=64)),
                ("resource_version", models.CharField(max_length=64)),
                ("name", models.CharField(max_length=253)),
                ("parent", models.CharField(blank=True, max_length=253)),
                ("min_runtime", models.DurationField(help_text="Null: as the queue above it.", null=True)),
                (
                    "cluster",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="kai_queues",
                        to="clusters.cluster",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("cluster", "uid"), name="one_kai_queue_per_uid")
                ],
            },
        ),
    ]
