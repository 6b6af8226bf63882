"""What schedulers' own objects say of workloads: a row of each, and its sum on the workload's row."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("clusters", "0003_absence"), ("workloads", "0015_tool_states")]

    operations = [
        migrations.AddField(
            "workload",
            "queueing",
            models.JSONField(db_default={}, default=dict, help_text="See `queueing.saying`."),
        ),
        migrations.CreateModel(
            "QueueEntry",
            [
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("resource", models.CharField(help_text='"workloads.kueue.x-k8s.io"', max_length=63)),
                ("uid", models.CharField(max_length=64)),
                ("resource_version", models.CharField(max_length=64)),
                ("namespace", models.CharField(max_length=63)),
                ("name", models.CharField(max_length=253)),
                (
                    "root_uid",
                    models.CharField(
                        db_index=True, help_text="The root or pod it speaks for.", max_length=64
                    ),
                ),
                ("queue", models.CharField(blank=True, max_length=253)),
                (
                    "cluster_queue",
                    models.CharField(blank=True, help_text="Of Kueue, once admitted.", max_length=253),
                ),
                ("active", models.BooleanField(default=True, help_text="Kueue's own switch.")),
                (
                    "conditions",
                    models.JSONField(default=list, help_text="[{type, status, reason, message, at}]"),
                ),
                (
                    "checks",
                    models.JSONField(
                        default=list, help_text="Kueue's admission checks: [{name, state, message}]"
                    ),
                ),
                ("created_at", models.DateTimeField()),
                (
                    "cluster",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="queue_entries",
                        to="clusters.cluster",
                    ),
                ),
                (
                    "workload",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="queue_entries",
                        to="workloads.workload",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=["cluster", "uid"], name="one_queue_entry_per_uid")
                ]
            },
        ),
    ]
