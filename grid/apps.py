"""Django's name for the grid's glue."""

from django.apps import AppConfig


class GridConfig(AppConfig):
    """Replay runs and their results."""

    name = "grid"
    verbose_name = "Grid replays"
    default_auto_field = "django.db.models.BigAutoField"
