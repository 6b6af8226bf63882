"""What more is known of workloads and pods; filled from what is kept, and the rest by reading the cluster again."""

import datetime

import django.contrib.postgres.fields
import django.utils.timezone
from django.db import migrations, models

FILL = """
UPDATE workloads_workload SET changed_at = greatest(phase_at, completed_at);

-- Every stay in a phase but the present one.
WITH stays AS (
    SELECT workload_id, phase, lead(at) OVER (PARTITION BY workload_id ORDER BY at, id) - at AS lasted
    FROM workloads_phasechange
), sums AS (
    SELECT workload_id,
        coalesce(sum(lasted) FILTER (WHERE phase = 'Pending'), interval '0') AS pending,
        coalesce(sum(lasted) FILTER (WHERE phase = 'Running'), interval '0') AS running
    FROM stays WHERE lasted > interval '0' GROUP BY workload_id
)
UPDATE workloads_workload w SET time_pending = pending, time_running = running
FROM sums WHERE sums.workload_id = w.id;

-- Until they are read again: a pod's equal share of its workload.
UPDATE workloads_pod p SET
    cpu_millis = w.cpu_millis / greatest(w.pods_requested, 1),
    memory_bytes = w.memory_bytes / greatest(w.pods_requested, 1)
FROM workloads_workload w WHERE w.id = p.workload_id;

WITH held AS (
    SELECT workload_id, sum(gpu_millis) AS gpus, sum(cpu_millis) AS cpu, sum(memory_bytes) AS memory
    FROM workloads_pod
    WHERE gone_at IS NULL AND scheduled AND phase NOT IN ('Succeeded', 'Failed') GROUP BY workload_id
)
UPDATE workloads_workload w SET
    gpu_millis_allocated = gpus, cpu_millis_allocated = cpu, memory_bytes_allocated = memory
FROM held WHERE held.workload_id = w.id;

WITH failed AS (
    SELECT DISTINCT ON (workload_id) workload_id, exit_code FROM workloads_pod
    WHERE exit_code <> 0 ORDER BY workload_id, coalesce(finished_at, created_at) DESC
)
UPDATE workloads_workload w SET exit_code = failed.exit_code FROM failed WHERE failed.workload_id = w.id;

-- Labels, priority and the like were not kept: a row without a version is read again by the next list.
UPDATE workloads_workload SET resource_version = '' WHERE deleted_at IS NULL;
UPDATE workloads_pod SET resource_version = '' WHERE gone_at IS NULL;
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
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
