"""App of people's own files and studies."""

from django.apps import AppConfig


class StudiesConfig(AppConfig):
    """Own networks and profiles, and what is played on them."""

    name = "marketplace.studies"
    verbose_name = "Studies"

    def ready(self) -> None:
        """Name what exports hold, and hear of erasures."""
        from marketplace.accounts.signals import person_erased  # noqa: PLC0415  models are loaded by now
        from marketplace.studies import own_data  # noqa: PLC0415  as above
        from marketplace.studies.services import forget_person  # noqa: PLC0415  as above

        own_data.register()
        person_erased.connect(forget_person, dispatch_uid="studies.forget_person")
