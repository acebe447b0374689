from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("trading", "0007_own_agent"),
    ]

    operations = [
        migrations.RemoveField(
            model_name="gatedecision",
            name="words",
        ),
        migrations.AddField(
            model_name="gatedecision",
            name="answer",
            field=models.JSONField(
                default=dict, help_text="The answer with its figures (`Verdict.as_dict`)."
            ),
        ),
    ]
