"""When a pod was given a node, and when its containers began to run."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('workloads', '0006_table_indexes'),
    ]

    operations = [
        migrations.AddField(
            model_name='pod',
            name='scheduled_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='pod',
            name='running_at',
            field=models.DateTimeField(null=True),
        ),
    ]
