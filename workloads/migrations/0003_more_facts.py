"""What more is known of workloads and pods; 0004 fills in what is known of workloads that are there."""

import datetime

import django.contrib.postgres.fields
import django.utils.timezone
from django.db import migrations, models

#: Until a pod is read again, which it is without a version: its equal share of its workload.
PODS = """
UPDATE workloads_pod p SET
    cpu_millis = w.cpu_millis / greatest(w.pods_requested, 1),
    memory_bytes = w.memory_bytes / greatest(w.pods_requested, 1),
    resource_version = CASE WHEN gone_at IS NULL THEN '' ELSE p.resource_version END
FROM workloads_workload w WHERE w.id = p.workload_id;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('workloads', '0002_search_text'),
    ]

    operations = [
        migrations.AddField(
            model_name='pod',
            name='cpu_millis',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='pod',
            name='gpu_memory_bytes',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='pod',
            name='memory_bytes',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='workload',
            name='application',
            field=models.CharField(blank=True, max_length=253),
        ),
        migrations.AddField(
            model_name='workload',
            name='architecture',
            field=models.CharField(choices=[('Standard', 'Standard'), ('Distributed', 'Distributed')], default='Standard', max_length=12),
        ),
        migrations.AddField(
            model_name='workload',
            name='changed_at',
            field=models.DateTimeField(default=django.utils.timezone.now, help_text='When `version` grew last.'),
        ),
        migrations.AddField(
            model_name='workload',
            name='cpu_millis_allocated',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='workload',
            name='exit_code',
            field=models.IntegerField(help_text='Of the pod that failed last.', null=True),
        ),
        migrations.AddField(
            model_name='workload',
            name='gpu_memory_bytes',
            field=models.BigIntegerField(default=0, help_text='Where it was asked for as such.'),
        ),
        migrations.AddField(
            model_name='workload',
            name='gpu_memory_bytes_allocated',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='workload',
            name='gpu_millis_allocated',
            field=models.BigIntegerField(default=0, help_text='What its pods on nodes hold now.'),
        ),
        migrations.AddField(
            model_name='workload',
            name='labels',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list, help_text='key=value, sorted.', size=None),
        ),
        migrations.AddField(
            model_name='workload',
            name='memory_bytes_allocated',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='workload',
            name='node_pools',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=63), default=list, help_text='The pools of its nodes.', size=None),
        ),
        migrations.AddField(
            model_name='workload',
            name='owner_chain',
            field=models.CharField(blank=True, max_length=1024),
        ),
        migrations.AddField(
            model_name='workload',
            name='preemptible',
            field=models.CharField(blank=True, choices=[('yes', 'Yes'), ('no', 'No')], max_length=3),
        ),
        migrations.AddField(
            model_name='workload',
            name='priority',
            field=models.CharField(blank=True, help_text='The name of its priority class.', max_length=253),
        ),
        migrations.AddField(
            model_name='workload',
            name='runs_requested',
            field=models.IntegerField(default=1, help_text='How many pods have to end well.'),
        ),
        migrations.AddField(
            model_name='workload',
            name='time_pending',
            field=models.DurationField(default=datetime.timedelta, help_text='In Pending, less the present stay.'),
        ),
        migrations.AddField(
            model_name='workload',
            name='time_running',
            field=models.DurationField(default=datetime.timedelta, help_text='In Running, less the present stay.'),
        ),
        migrations.RunSQL(PODS, migrations.RunSQL.noop),
    ]
