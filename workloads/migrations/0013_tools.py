from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("workloads", "0012_room_for_updates")]

    operations = [
        migrations.AddField(
            model_name="workload",
            name="tools",
            field=models.JSONField(db_default=[], default=list, help_text="`tools.Tool`s, as dumped."),
        ),
    ]
