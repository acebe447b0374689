"""Endpoints in two halves, and logs by number (docs/adr/0012-endpoints-in-two-halves.md).

What an earlier version stored is not converted: a database with channels is refused.
"""

import django.db.models.deletion
from django.db import migrations, models

INLINE = (
    "ALTER TABLE engine_channel ALTER COLUMN moving SET STORAGE EXTERNAL",
    "ALTER TABLE engine_channel SET (toast_tuple_target = 8160, fillfactor = 50)",
)


def refuse_old_rows(apps, schema_editor):
    for name in ("Endpoint", "Contract", "LogEntry"):
        if apps.get_model("engine", name).objects.exists():
            raise RuntimeError(
                "This database holds channels of an earlier version, whose stored form is not converted. "
                "Begin with a fresh database: move the old one away, or name another one (DATABASE_URL)."
            )


def inline(apps, schema_editor):
    """PostgreSQL: keep the moving half within its page, uncompressed, with room for updates that touch no index."""
    if schema_editor.connection.vendor == "postgresql":
        for statement in INLINE:
            schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("engine", "0003_inline_rows")]
    operations = [
        migrations.RunPython(refuse_old_rows, migrations.RunPython.noop),
        migrations.DeleteModel("Endpoint"),
        migrations.DeleteModel("Contract"),
        migrations.DeleteModel("LogEntry"),
        migrations.CreateModel(
            name='Channel',
            fields=[
                ('number', models.BigAutoField(primary_key=True, serialize=False)),
                ('channel', models.CharField(max_length=66, unique=True)),
                ('version', models.BigIntegerField()),
                ('seq', models.IntegerField()),
                ('staged_seq', models.IntegerField()),
                ('staged', models.SmallIntegerField()),
                ('moving', models.BinaryField()),
                ('updated_at', models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name='Contract',
            fields=[
                ('conversation', models.CharField(max_length=66, primary_key=True, serialize=False)),
                ('number', models.BigIntegerField(unique=True)),
                ('scid', models.CharField(max_length=66, null=True, unique=True)),
                ('owner_a', models.CharField(max_length=64)),
                ('owner_b', models.CharField(max_length=64)),
                ('phase', models.CharField(max_length=16)),
                ('seq', models.IntegerField()),
                ('blob', models.BinaryField()),
                ('updated_at', models.BigIntegerField()),
            ],
            options={
                'indexes': [models.Index(fields=['owner_a'], name='engine_contract_owner_a'), models.Index(fields=['owner_b'], name='engine_contract_owner_b')],
            },
        ),
        migrations.CreateModel(
            name='LogEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('log', models.BigIntegerField()),
                ('seq', models.IntegerField()),
                ('sender', models.SmallIntegerField(choices=[(0, 'a'), (1, 'b'), (2, 'ledger'), (3, 'clock')])),
                ('message_id', models.CharField(max_length=128)),
                ('type', models.CharField(max_length=32)),
                ('body', models.TextField()),
                ('at', models.BigIntegerField()),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('log', 'seq'), name='engine_log_seq'), models.UniqueConstraint(fields=('log', 'sender', 'message_id'), name='engine_log_message_id')],
            },
        ),
        migrations.CreateModel(
            name='Endpoint',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('channel', models.CharField(max_length=66)),
                ('side', models.SmallIntegerField()),
                ('owner', models.CharField(max_length=64)),
                ('peer', models.CharField(max_length=64)),
                ('scid', models.CharField(max_length=66)),
                ('phase', models.CharField(max_length=16)),
                ('wake_at', models.BigIntegerField(null=True)),
                ('fixed', models.BinaryField()),
                ('channel_row', models.ForeignObject(from_fields=['channel'], on_delete=django.db.models.deletion.DO_NOTHING, related_name='endpoints', to='engine.channel', to_fields=['channel'])),
            ],
            options={
                'indexes': [models.Index(fields=['owner'], name='engine_endpoint_owner'), models.Index(fields=['scid'], name='engine_endpoint_scid'), models.Index(condition=models.Q(('wake_at__isnull', False)), fields=['wake_at'], name='engine_endpoint_wake')],
                'constraints': [models.UniqueConstraint(fields=('channel', 'side'), name='engine_endpoint_side')],
            },
        ),
        migrations.RunPython(inline, migrations.RunPython.noop),
    ]
