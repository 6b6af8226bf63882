from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("metrics", "0004_series_by_pod")]

    operations = [
        migrations.AddField(
            "upkeep",
            "written_at",
            models.DateTimeField(null=True, help_text="When the newest look that was written began."),
        ),
    ]
