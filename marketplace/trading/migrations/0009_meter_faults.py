from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('trading', '0008_gate_answer'),
    ]

    operations = [
        migrations.RemoveField(
            model_name='meterfault',
            name='words',
        ),
        migrations.AddField(
            model_name='meterfault',
            name='said',
            field=models.JSONField(default=dict, help_text='What happened, as `grid.words.Words.as_dict` has it.'),
            preserve_default=False,
        ),
    ]
