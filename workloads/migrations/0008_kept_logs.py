"""The logs of containers, kept in chunks beyond the life of their pods."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('workloads', '0007_pod_moments'),
    ]

    operations = [
        migrations.CreateModel(
            name='KeptLog',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('container', models.CharField(max_length=253)),
                ('instance', models.IntegerField(default=0, help_text='How often the container had been restarted.')),
                ('first_at', models.DateTimeField(null=True)),
                ('last_at', models.DateTimeField(null=True)),
                ('lines', models.BigIntegerField(default=0)),
                ('bytes', models.BigIntegerField(default=0, help_text='Of text and times, as kept now.')),
                ('stored_bytes', models.BigIntegerField(default=0, help_text='The same, compressed.')),
                ('complete', models.BooleanField(default=False, help_text='It ended, and there is nothing more to come.')),
                ('notes', models.JSONField(default=list, help_text='[{"line": where, "text": what is missing there}]')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('epoch', models.BigIntegerField(default=0, help_text='Grows with each taking; older ones write nothing.')),
                ('holder', models.CharField(blank=True, max_length=200)),
                ('held_until', models.DateTimeField(null=True)),
                ('pod', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='kept_logs', to='workloads.pod')),
            ],
        ),
        migrations.CreateModel(
            name='KeptChunk',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('first_line', models.BigIntegerField()),
                ('lines', models.IntegerField()),
                ('first_at', models.DateTimeField(null=True)),
                ('last_at', models.DateTimeField(null=True)),
                ('key', models.CharField(max_length=200)),
                ('bytes', models.IntegerField(help_text='Of text and times.')),
                ('stored_bytes', models.IntegerField()),
                ('log', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='chunks', to='workloads.keptlog')),
            ],
        ),
        migrations.AddIndex(
            model_name='keptlog',
            index=models.Index(condition=models.Q(('complete', False)), fields=['held_until'], name='unfinished_logs'),
        ),
        migrations.AddConstraint(
            model_name='keptlog',
            constraint=models.UniqueConstraint(fields=('pod', 'container', 'instance'), name='one_log_per_run'),
        ),
        migrations.AddIndex(
            model_name='keptchunk',
            index=models.Index(fields=['log', 'last_at'], name='chunks_by_time'),
        ),
        migrations.AddIndex(
            model_name='keptchunk',
            index=models.Index(fields=['last_at'], name='oldest_chunks'),
        ),
        migrations.AddConstraint(
            model_name='keptchunk',
            constraint=models.UniqueConstraint(fields=('log', 'first_line'), name='one_chunk_per_line'),
        ),
    ]
