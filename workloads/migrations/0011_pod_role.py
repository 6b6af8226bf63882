from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("workloads", "0010_event_indexes")]

    operations = [
        migrations.AddField(
            model_name="pod",
            name="role",
            field=models.CharField(
                blank=True, db_default="", help_text='"rank 3", "worker 0".', max_length=63
            ),
        ),
        migrations.AlterField(
            model_name="pod",
            name="containers",
            field=models.JSONField(default=list, help_text="[{name, image, state, reason, memory_limit}]"),
        ),
    ]
