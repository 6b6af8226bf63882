"""The pool of each node; a node without a version is read again by the next list."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('clusters', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='node',
            name='pool',
            field=models.CharField(blank=True, help_text='The node pool its labels name.', max_length=63),
        ),
        migrations.RunSQL("UPDATE clusters_node SET resource_version = ''", migrations.RunSQL.noop),
    ]
