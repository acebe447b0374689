"""An application's way through its states: read for change, and moved by the one table."""

from django.utils.translation import gettext as _

from marketplace.accounts.errors import ConflictError
from marketplace.credit.models import CreditApplication


def locked(application: CreditApplication) -> CreditApplication:
    """The application as it is now, locked where the database can lock rows; inside a transaction only."""
    return (
        CreditApplication.objects.select_for_update(of=("self",))
        .select_related("merchant", "user")
        .get(pk=application.pk)
    )


def move(application: CreditApplication, target: str) -> None:
    """Set the next state; the caller saves.

    Raises:
        ConflictError: the table has no such step.
    """
    if target not in CreditApplication.TRANSITIONS[application.state]:
        now = application.get_state_display().lower()
        raise ConflictError(
            "wrong_state", _("This can't be done now: the application is “%(state)s”.") % {"state": now}
        )
    application.state = target
