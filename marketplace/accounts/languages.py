"""In which language a person is written to."""

from contextlib import AbstractContextManager
from typing import Any

from django.conf import settings
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.utils import translation

from marketplace.accounts.models import User


def choose_language(*, user: User, code: str) -> None:
    """Keep the language that a person picked.

    Raises:
        ValueError: The site doesn't speak it.
    """
    if code not in dict(settings.LANGUAGES):
        raise ValueError(
            f"{code!r} is none of the languages of the site: {', '.join(dict(settings.LANGUAGES))}."
        )
    User.objects.filter(pk=user.pk).update(language=code)
    user.language = code


def language_of(user: User) -> str:
    """Of e-mails, notices and papers to a person; the site's own where they never were here."""
    return user.language or settings.LANGUAGE_CODE


def in_language_of(user: User) -> AbstractContextManager[Any]:
    """For what is written to a person outside a request of theirs."""
    return translation.override(language_of(user))


@receiver(user_logged_in)
def remember(user: Any, **_details: Any) -> None:
    """The language of a first sign-in stays, until its owner picks another."""
    if isinstance(user, User) and not user.language:
        choose_language(user=user, code=(translation.get_language() or settings.LANGUAGE_CODE)[:2])
