"""App of merchants and their credit."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CreditConfig(AppConfig):
    """Merchants, applications, agreements and credit notes."""

    name = "marketplace.credit"
    verbose_name = _("Credit")

    def ready(self) -> None:
        """Name what exports hold, hear of erasures, delete what is too old."""
        from marketplace.accounts.signals import person_erased  # noqa: PLC0415  models are loaded by now
        from marketplace.credit import erasure, lists, overview, own_data, retention  # noqa: PLC0415  as above
        from marketplace.upkeep.registry import register  # noqa: PLC0415  as above

        own_data.register()
        person_erased.connect(lists.forget_listed, dispatch_uid="credit.forget_listed")
        person_erased.connect(erasure.forget_person, dispatch_uid="credit.forget_person")
        register("credit.books", every_s=60, do=overview.freshen_all)
        register("credit.retention", every_s=6 * 3600, do=retention.clear_out)
