"""The engine as a Django app."""

import gc
from typing import Any

from django.apps import AppConfig
from django.db.backends.signals import connection_created

# The log before it is copied into the database file. SQLite's default of 1000 pages would copy, and sync twice,
# at nearly every group commit; durability is that of the log and does not depend on it.
CHECKPOINT_PAGES = 16_384
# Pages that a connection holds. SQLite's default of 2 MB is less than one group commit touches, which then reads
# the same pages of the indexes again and again.
CACHE_KIBIBYTES = 65_536
# Objects that may come before cycles are looked for. A group commit makes tens of thousands that live until its end
# and form none; Python's default of 700 goes through them again and again.
COLLECTED_AT = 50_000


class StoreConfig(AppConfig):
    """Endpoints, logs and outbox of the channel engine."""

    name = "channels_engine.store"
    label = "engine"
    verbose_name = "Channel engine"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Tune new SQLite connections, and the collector of cycles, for group commits."""
        _, *older = gc.get_threshold()
        gc.set_threshold(COLLECTED_AT, *older)
        connection_created.connect(_tune, dispatch_uid="engine")


def _tune(connection: Any, **_: Any) -> None:
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
            cursor.execute(f"PRAGMA cache_size=-{CACHE_KIBIBYTES}")
