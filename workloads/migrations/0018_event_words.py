"""One index for the text filter of the event history, whatever the number of events.

The statistics are for the planner, which has none of a partial index and takes any word for a rare one.
"""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import migrations, models
from django.db.models import F, Func, Q

TEXTS = ("reason", "message", "source", "regarding_kind", "regarding_name")
WORDS = "UPPER({})".format(" || ' ' || ".join(TEXTS))


class Migration(migrations.Migration):
    dependencies = [("workloads", "0017_log_limits")]
    operations = [
        migrations.AddIndex(
            model_name="event",
            index=GinIndex(
                OpClass(
                    Func(
                        *map(F, TEXTS),
                        template="UPPER(%(expressions)s)",
                        arg_joiner=" || ' ' || ",
                        output_field=models.TextField(),
                    ),
                    name="gin_trgm_ops",
                ),
                condition=Q(folded_into=None),
                name="events_by_words",
            ),
        ),
        migrations.RunSQL(
            f"CREATE STATISTICS event_words ON ({WORDS}) FROM workloads_event",
            "DROP STATISTICS event_words",
        ),
    ]
