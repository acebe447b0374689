"""What is done is found by when it was done (`store.unseen`), among any number of channels."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('engine', '0004_two_halves'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='outboxitem',
            index=models.Index(condition=models.Q(('done_at__isnull', False)), fields=['done_at'], name='engine_outbox_done'),
        ),
    ]
