from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_document_scan")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="language",
            field=models.CharField(
                blank=True,
                choices=settings.LANGUAGES,
                default="",
                help_text="Of e-mails and notices.",
                max_length=5,
                verbose_name="language",
            ),
            preserve_default=False,
        ),
    ]
