"""What the event history is read by; of its own, since a table cannot be filled and altered in one go."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("workloads", "0009_event_history")]

    operations = [
        migrations.AlterField(
            model_name="event",
            name="since",
            field=models.DateTimeField(help_text="When first, with those folded into it."),
        ),
        migrations.AlterField(
            model_name="event",
            name="until",
            field=models.DateTimeField(help_text="When last, with those folded into it."),
        ),
        migrations.AlterField(
            model_name="event",
            name="cluster",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="events",
                to="clusters.cluster",
            ),
        ),
        migrations.AlterField(
            model_name="event",
            name="workload",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="events",
                to="workloads.workload",
            ),
        ),
        migrations.AlterField(
            model_name="event", name="regarding_uid", field=models.CharField(max_length=64)
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["regarding_uid", "-until"], name="events_about"),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                fields=["workload", "-until", "-id"],
                condition=Q(folded_into=None) & ~Q(type="Warning"),
                name="normal_events",
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                fields=["workload", "-until", "-id"],
                condition=Q(folded_into=None, type="Warning"),
                name="warning_events",
            ),
        ),
    ]
