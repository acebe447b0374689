"""App of periodic work."""

from django.apps import AppConfig


class UpkeepConfig(AppConfig):
    """What comes round by itself."""

    name = "marketplace.upkeep"
    verbose_name = "Upkeep"
