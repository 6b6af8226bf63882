import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("workloads", "0004_search_words"),
    ]
    operations = [
        migrations.CreateModel(
            name="Bulk",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "verb",
                    models.CharField(
                        choices=[
                            ("create", "Create"),
                            ("stop", "Stop"),
                            ("run", "Run"),
                            ("delete", "Delete"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "ids",
                    django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None),
                ),
                (
                    "losing",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(),
                        help_text="Null where nobody was asked.",
                        null=True,
                        size=None,
                    ),
                ),
                ("total", models.IntegerField()),
                ("done", models.IntegerField(default=0)),
                ("failed", models.JSONField(default=list, help_text="[{id, name, code, message}]")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("running", "Running"),
                            ("done", "Done"),
                            ("cancelled", "Cancelled"),
                            ("given_up", "Given up"),
                        ],
                        default="running",
                        max_length=10,
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("due_at", models.DateTimeField(help_text="Nobody is at it after this, while it runs.")),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="bulks",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "running")), fields=["due_at"], name="unfinished_bulks"
                    ),
                    models.Index(fields=["by", "-created_at"], name="bulks_of_person"),
                ],
            },
        ),
    ]
