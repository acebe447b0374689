"""Every kind of notice: its title and text, with the details' names in braces."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Kind:
    """Words of a kind of notice; `urgent` ones go by e-mail and push too unless their reader declined."""

    title: str | Promise
    text: str | Promise
    urgent: bool = False


KINDS: dict[str, Kind] = {
    "webhook_off": Kind(
        _("A webhook was switched off"), _("Its address has not taken anything for days."), urgent=True
    ),
    "application_decided": Kind(
        _("Your application was decided"), _("{merchant} has answered."), urgent=True
    ),
    "listed": Kind(_("You are on a list of {by}"), _("Read why, and say what you think of it."), urgent=True),
    "appeal_answered": Kind(_("Your appeal was answered"), _("Read the answer."), urgent=True),
    "appeal_waits": Kind(_("An appeal waits"), _("About the wallet {wallet}.")),
    "application_question": Kind(
        _("{merchant} asks for more"), _("Your application waits for you."), urgent=True
    ),
    "agent_budget": Kind(
        _("Your agent has used up its budget"), _("It buys nothing more for {day}; it goes on selling.")
    ),
    "agent_mandate": Kind(
        _("Your agent's mandate ran out"),
        _("It is paused until you sign for its rules once more."),
        urgent=True,
    ),
    "bill_issued": Kind(_("A new bill"), _("{merchant} has issued bill {reference}.")),
    "bill_paid": Kind(_("Bill paid"), _("Bill {reference} of {merchant} is paid.")),
    "bill_due_soon": Kind(_("A bill is due soon"), _("Bill {reference} of {merchant} is due in three days.")),
    "bill_overdue": Kind(
        _("A bill is overdue"), _("Bill {reference} of {merchant} was due and is not paid."), urgent=True
    ),
    "bill_overdue_again": Kind(
        _("Second reminder"),
        _("Bill {reference} of {merchant} is two weeks overdue. Pay it, or talk to {merchant}."),
        urgent=True,
    ),
}
