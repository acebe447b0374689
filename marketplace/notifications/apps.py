"""App of notices."""

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    """What people are told."""

    name = "marketplace.notifications"
    verbose_name = "Notifications"

    def ready(self) -> None:
        """Name what exports hold and what comes round, and hear of erasures."""
        from marketplace.accounts.signals import person_erased  # noqa: PLC0415  models are loaded by now
        from marketplace.notifications import own_data, upkeep  # noqa: PLC0415  as above

        own_data.register()
        upkeep.register()
        person_erased.connect(own_data.forget_person, dispatch_uid="notifications.forget_person")
