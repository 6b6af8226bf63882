from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('clusters', '0003_absence'),
    ]

    operations = [
        migrations.AddField(
            model_name='cluster',
            name='pod_network',
            field=models.CharField(blank=True, db_default='', help_text='Networks of pods that this machine reaches itself.', max_length=200),
        ),
    ]
