"""Words that a clerk begins from: the house's own and the merchant's, for questions, refusals and answers."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from marketplace.credit.models import Merchant, ReasonTemplate

Use = ReasonTemplate.Use


@dataclass(frozen=True, slots=True)
class Reason:
    """A title to choose by, and the text that is put into the field."""

    title: str | Promise
    text: str | Promise


HOUSE: dict[str, tuple[Reason, ...]] = {
    Use.ASK: (
        Reason(
            _("Document unreadable"),
            _(
                "The identity document can't be read. Please take a new picture in good light, with all four corners."
            ),
        ),
        Reason(
            _("Statements missing"),
            _("Please add the bank statements of the last three months, as the files that your bank offers."),
        ),
        Reason(
            _("Names differ"),
            _(
                "The name in your profile differs from the one in your documents. Please correct it or tell us why."
            ),
        ),
        Reason(
            _("Income unclear"),
            _("We can't see the income that you declared. Please add a payslip or another proof of income."),
        ),
    ),
    Use.REJECT: (
        Reason(
            _("Not affordable"),
            _(
                "After your regular outgoings too little is left to carry this limit. You can apply for a smaller one."
            ),
        ),
        Reason(
            _("Identity not proven"),
            _(
                "We could not make sure who you are from the documents. You can apply again with a valid identity document."
            ),
        ),
        Reason(
            _("On the black list"),
            _("Your wallet stands on a black list. The page “Lists” shows why, and you can appeal there."),
        ),
        Reason(
            _("Debts open"),
            _("Earlier credit of yours is overdue. Please pay it first; then you can apply again."),
        ),
    ),
    Use.APPEAL: (
        Reason(_("Paid meanwhile"), _("The debt is paid. Thank you: the entry is lifted.")),
        Reason(
            _("Our mistake"), _("You are right, this was our mistake. The entry is lifted; we apologise.")
        ),
        Reason(
            _("Still unpaid"),
            _("The debt is still open on the ledger. The entry stays until it is paid."),
        ),
    ),
}


def reasons_for(merchant: Merchant | None, use: str) -> list[Reason]:
    """The merchant's own first, then the house's."""
    rows = ReasonTemplate.objects.filter(merchant=merchant, use=use) if merchant else ()
    return [*(Reason(row.title, row.text) for row in rows), *HOUSE[use]]
