"""KAI's PodGroups are read once more at the next look at their cluster: when they started was not kept."""

from django.db import migrations

READ_AGAIN = (
    "UPDATE workloads_queueentry SET resource_version = '0' WHERE resource = 'podgroups.scheduling.run.ai'"
)


class Migration(migrations.Migration):
    dependencies = [("workloads", "0023_guaranteed_time")]
    operations = [migrations.RunSQL(READ_AGAIN, migrations.RunSQL.noop)]
