from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("workloads", "0014_usage")]

    operations = [
        migrations.AddField(
            model_name="workload",
            name="tool_states",
            field=models.JSONField(
                db_default={},
                default=dict,
                help_text="{tool: {state, since, words}}, kept by whoever asks them.",
            ),
        ),
    ]
