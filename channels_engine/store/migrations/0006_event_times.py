"""When an event's block was made; the watchtower asks for the times of those that stand here already."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('engine', '0005_outbox_done'),
    ]

    operations = [
        migrations.AddField(
            model_name='ledgerevent',
            name='at',
            field=models.BigIntegerField(help_text='Time of the block, epoch seconds; rows of earlier versions get theirs from the watchtower.', null=True),
        ),
    ]
