from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_names")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="time_zone",
            field=models.CharField(
                blank=True,
                default="",
                help_text="Where they read last; of times in e-mails.",
                max_length=64,
                verbose_name="time zone",
            ),
            preserve_default=False,
        ),
    ]
