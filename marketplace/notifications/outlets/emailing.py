"""Notices by e-mail, in their reader's language, each with a way to have no more of them (RFC 2369, RFC 8058)."""

import smtplib

from django.conf import settings
from django.core import signing
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend
from django.template.loader import render_to_string

from marketplace.accounts.languages import language_of
from marketplace.accounts.models import User
from marketplace.accounts.zones import written_to
from marketplace.notifications.models import Notice
from marketplace.notifications.outlets.errors import HopelessError, LaterError
from marketplace.notifications.wording import words_of

SALT = "wattnote.notices.unsubscribe"
FOR_GOOD = 500
"""Reply codes of SMTP from here are for good, those of 4xx for now (RFC 5321, 4.2.1)."""


def unsubscribe_token(user: User, kind: str) -> str:
    """A word of the site that whoever holds it may stop these e-mails; it opens nothing else and needs no sign-in."""
    return signing.dumps({"user": user.pk, "kind": kind}, salt=SALT)


def read_token(token: str) -> tuple[int, str]:
    """The user's number and the kind.

    Raises:
        signing.BadSignature: It is no word of this site.
    """
    said = signing.loads(token, salt=SALT)
    return int(said["user"]), str(said["kind"])


def email_for(notice: Notice) -> EmailMultiAlternatives:
    """The message in plain text and in HTML."""
    site = settings.SITE_URL.rstrip("/")
    stop = f"{site}/notices/stop/{unsubscribe_token(notice.user, notice.kind)}/"
    with written_to(notice.user):
        words = words_of(notice)
        context = {
            "words": words,
            "link": f"{site}{notice.url}" if notice.url else "",
            "stop": stop,
            "settings": f"{site}/notices/settings/",
            "language": language_of(notice.user),
        }
        text = render_to_string("notices/email.txt", context)
        html = render_to_string("notices/email.html", context)
    message = EmailMultiAlternatives(
        subject=" ".join(words.title.split()),
        body=text,
        to=[notice.user.email],
        headers={
            "List-Unsubscribe": f"<{stop}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Auto-Submitted": "auto-generated",
        },
    )
    message.attach_alternative(html, "text/html")
    return message


def send(notice: Notice, connection: BaseEmailBackend) -> None:
    """Send a notice.

    Raises:
        LaterError: The mail server is away.
        HopelessError: It refuses the address.
    """
    message = email_for(notice)
    message.connection = connection
    try:
        message.send()
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        if all(code >= FOR_GOOD for code in codes):
            raise HopelessError(f"refused with {codes}") from error
        raise LaterError(f"refused with {codes}") from error
    except (smtplib.SMTPException, OSError) as error:
        raise LaterError(type(error).__name__) from error
