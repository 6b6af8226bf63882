import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('workloads', '0013_tools'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Visit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('tool', models.CharField(max_length=40)),
                ('session_key', models.CharField(help_text='Of the sign-in it lives and ends with.', max_length=40)),
                ('ticket', models.CharField(help_text='SHA-256, hexadecimal.', max_length=64, unique=True)),
                ('cookie', models.CharField(help_text='SHA-256; null until entered.', max_length=64, null=True, unique=True)),
                ('asked_at', models.DateTimeField()),
                ('entered_at', models.DateTimeField(null=True)),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='visits', to=settings.AUTH_USER_MODEL)),
                ('workload', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='visits', to='workloads.workload')),
            ],
            options={
                'indexes': [models.Index(fields=['workload', '-asked_at'], name='visits_of_workload')],
            },
        ),
    ]
