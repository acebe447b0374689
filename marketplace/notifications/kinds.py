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
    "appeal_waits": Kind(_("An appeal waits"), _("Somebody on your list has answered.")),
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
    "terms_proposed": Kind(
        _("{partner} would like to open a channel with you"),
        _("Look at the terms, and say what you bring."),
        urgent=True,
    ),
    "terms_accepted": Kind(_("{partner} accepted your terms"), _("Sign the opening to go on."), urgent=True),
    "opening_asked": Kind(
        _("{partner} signed the opening of your channel"), _("Your signature is missing."), urgent=True
    ),
    "offer_waits": Kind(_("{partner} made you an offer"), _("It is valid until {until_at}.")),
    "offer_accepted": Kind(
        _("{partner} accepted your offer"),
        _("Your browser signs it as soon as your wallet is unlocked."),
        urgent=True,
    ),
    "funding_asked": Kind(
        _("{partner} asks to change the funding of your channel"), _("Agree, or let it lapse.")
    ),
    "channel_opened": Kind(_("Your channel with {partner} is open"), _("The ledger has both signatures.")),
    "closing_asked": Kind(
        _("{partner} wants to close your channel"),
        _("Sign it, or dispute it if the balances are wrong."),
        urgent=True,
    ),
    "channel_closed": Kind(
        _("Your channel with {partner} is closed"), _("The ledger paid out. Bring the money to your wallet.")
    ),
    "dispute_raised": Kind(
        _("{partner} raises a dispute about your channel"),
        _("Unlock your wallet: your newest signed state answers it."),
        urgent=True,
    ),
    "channel_disputed": Kind(
        _("Your channel with {partner} is in dispute"),
        _("The ledger decides by the newest state that it sees before {until_at}."),
        urgent=True,
    ),
    "dispute_answered": Kind(
        _("The dispute in your channel with {partner} was answered"),
        _("A newer state was shown in time, and counts from now on."),
    ),
    "offer_enforced": Kind(
        _("The ledger applied an accepted offer in your channel with {partner}"),
        _("It is paid out by that after {until_at}."),
        urgent=True,
    ),
    "claim_started": Kind(
        _("{merchant} claims what you owe"),
        _("Pay it in time, and your collateral stays yours: the wallet's page says until when."),
        urgent=True,
    ),
}
