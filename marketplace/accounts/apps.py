"""App of users, personal data, documents and wallets."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """Users and what belongs to a person."""

    name = "marketplace.accounts"
    verbose_name = _("People")

    def ready(self) -> None:
        """Name what exports hold, remember languages, delete what is too old, ask scanners again."""
        from marketplace.accounts import (  # noqa: PLC0415  models are loaded by now
            languages,  # noqa: F401  listens to sign-ins
            own_data,
            quarantine,
            retention,
        )
        from marketplace.upkeep.registry import register  # noqa: PLC0415  as above

        own_data.register()
        register("accounts.retention", every_s=3600, do=retention.clear_out_and_sweep)
        register("accounts.scans", every_s=120, do=quarantine.judge_waiting)
