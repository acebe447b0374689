"""App of users, personal data, documents and wallets."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Users and what belongs to a person."""

    name = "marketplace.accounts"
    verbose_name = "People"

    def ready(self) -> None:
        """Name what exports hold."""
        from marketplace.accounts import own_data  # noqa: PLC0415  models are loaded by now

        own_data.register()
