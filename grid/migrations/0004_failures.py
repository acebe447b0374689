from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('grid', '0003_slot_json'),
    ]

    operations = [
        migrations.RemoveField(
            model_name='replayrun',
            name='failure',
        ),
        migrations.AddField(
            model_name='replayrun',
            name='failures',
            field=models.JSONField(default=list, help_text='Why it failed and what to do: faults, each as `grid.words.Words.as_dict` has it.'),
        ),
    ]
