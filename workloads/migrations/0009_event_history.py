"""Events that repeat others are folded, changes of specifications are rows."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F


def each_a_fold_of_one(apps, schema_editor):
    events = apps.get_model("workloads", "Event").objects.using(schema_editor.connection.alias)
    events.update(total=F("count"), since=F("first_at"), until=F("last_at"))


class Migration(migrations.Migration):
    dependencies = [
        ("workloads", "0008_kept_logs"),
    ]

    operations = [
        migrations.AddField(
            model_name="workload",
            name="generation",
            field=models.BigIntegerField(default=0, help_text="Of the specification; 0 until observed."),
        ),
        migrations.CreateModel(
            name="SpecChange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("field", models.CharField(blank=True, max_length=40)),
                ("before", models.TextField(blank=True)),
                ("after", models.TextField(blank=True)),
                (
                    "manager",
                    models.CharField(blank=True, help_text="Who, where managedFields tell.", max_length=128),
                ),
                ("at", models.DateTimeField()),
                (
                    "workload",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="spec_changes",
                        to="workloads.workload",
                    ),
                ),
            ],
            options={"indexes": [models.Index(fields=["workload", "at"], name="changes_of_workload")]},
        ),
        migrations.AddField(
            model_name="event",
            name="folded_into",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="folded",
                to="workloads.event",
            ),
        ),
        migrations.AddField(
            model_name="event",
            name="total",
            field=models.BigIntegerField(default=1, help_text="How often, with those folded into it."),
        ),
        migrations.AddField(model_name="event", name="since", field=models.DateTimeField(null=True)),
        migrations.AddField(model_name="event", name="until", field=models.DateTimeField(null=True)),
        migrations.RunPython(each_a_fold_of_one, migrations.RunPython.noop, elidable=True),
    ]
