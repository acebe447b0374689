"""The engine as a Django app."""

from django.apps import AppConfig


class StoreConfig(AppConfig):
    """Endpoints, logs and outbox of the channel engine."""

    name = "channels_engine.store"
    label = "engine"
    verbose_name = "Channel engine"
    default_auto_field = "django.db.models.BigAutoField"
