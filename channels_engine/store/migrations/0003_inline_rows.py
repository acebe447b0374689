"""PostgreSQL: keep endpoints within their page, uncompressed, with room for updates that touch no index."""

from django.db import migrations

INLINE = (
    "ALTER TABLE engine_endpoint ALTER COLUMN blob SET STORAGE EXTERNAL",
    "ALTER TABLE engine_endpoint SET (toast_tuple_target = 8160, fillfactor = 50)",
)


def inline(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for statement in INLINE:
            schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("engine", "0002_ledger_blocks")]
    operations = [migrations.RunPython(inline, migrations.RunPython.noop)]
