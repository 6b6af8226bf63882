"""An index of words for each type of event: a word of warnings alone is looked for among no others."""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import migrations, models
from django.db.models import F, Func, Q

TEXTS = ("reason", "message", "source", "regarding_kind", "regarding_name")
WORDS = "UPPER({})".format(" || ' ' || ".join(TEXTS))


def by_words(name, condition):
    words = Func(
        *map(F, TEXTS),
        template="UPPER(%(expressions)s)",
        arg_joiner=" || ' ' || ",
        output_field=models.TextField(),
    )
    return GinIndex(OpClass(words, name="gin_trgm_ops"), condition=condition, name=name)


class Migration(migrations.Migration):
    dependencies = [("workloads", "0024_read_groups_again")]
    # Indexes are built while events are read on; what needs the table alone comes last, and is short.
    operations = [
        migrations.AddIndex(
            model_name="event",
            index=by_words("normal_events_by_words", Q(folded_into=None) & ~Q(type="Warning")),
        ),
        migrations.AddIndex(
            model_name="event",
            index=by_words("warning_events_by_words", Q(folded_into=None, type="Warning")),
        ),
        migrations.RunSQL(
            "DROP STATISTICS event_words",  # no plan is a matter of estimates any more
            f"CREATE STATISTICS event_words ON ({WORDS}) FROM workloads_event",
        ),
        migrations.RemoveIndex(model_name="event", name="events_by_words"),
    ]
