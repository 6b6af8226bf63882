"""An index that another begins with goes: each phase that a workload enters is written to one index less."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("workloads", "0025_words_by_type")]
    operations = [
        migrations.AlterField(
            model_name="phasechange",
            name="workload",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="phase_changes",
                to="workloads.workload",
            ),
        ),
    ]
