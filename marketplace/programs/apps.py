"""App of people's programs."""

from django.apps import AppConfig


class ProgramsConfig(AppConfig):
    """Tokens, kept answers, webhooks."""

    name = "marketplace.programs"
    verbose_name = "Programs"

    def ready(self) -> None:
        """Name what exports hold and what comes round, and hear of erasures."""
        from marketplace.accounts.signals import person_erased  # noqa: PLC0415  models are loaded by now
        from marketplace.notifications.signals import noticed  # noqa: PLC0415  as above
        from marketplace.programs import events, own_data, upkeep  # noqa: PLC0415  as above

        own_data.register()
        upkeep.register()
        person_erased.connect(own_data.forget_person, dispatch_uid="programs.forget_person")
        noticed.connect(events.on_notice, dispatch_uid="programs.on_notice")
