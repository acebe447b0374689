"""App of notices."""

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    """What people are told."""

    name = "marketplace.notifications"
    verbose_name = "Notifications"
