"""One index answers the counts by phase; two that others begin with go.

It answers without reading rows as long as those were vacuumed since they changed: sooner than after the usual fifth.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

VACUUM = "ALTER TABLE workloads_workload SET (autovacuum_vacuum_scale_factor = 0.02)"
BACK = "ALTER TABLE workloads_workload RESET (autovacuum_vacuum_scale_factor)"


class Migration(migrations.Migration):

    dependencies = [
        ('clusters', '0002_node_pool'),
        ('tenancy', '0003_saved_views'),
        ('workloads', '0005_bulk'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name='workload',
            name='cluster',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='workloads', to='clusters.cluster'),
        ),
        migrations.AlterField(
            model_name='workload',
            name='project',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='workloads', to='tenancy.project'),
        ),
        migrations.AddIndex(
            model_name='workload',
            index=models.Index(condition=models.Q(('deleted_at', None)), fields=['project', 'phase'], include=('gpu_millis',), name='tally'),
        ),
        migrations.RunSQL(VACUUM, BACK),
    ]
