"""App of users, personal data, documents and wallets."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Users and what belongs to a person."""

    name = "marketplace.accounts"
    verbose_name = "People"
