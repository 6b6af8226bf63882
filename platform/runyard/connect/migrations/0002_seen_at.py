from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('connect', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='visit',
            name='seen_at',
            field=models.DateTimeField(help_text='When it was last used, to the minute.', null=True),
        ),
    ]
