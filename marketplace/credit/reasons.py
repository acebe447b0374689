"""Why a check came out as it did, in the reader's language."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from marketplace.credit.models import CheckResult

TITLES: Mapping[str, str | Promise] = {
    "age": _("Age"),
    "wallet": _("Wallet"),
    "lists": _("Black and grey lists"),
    "identity": _("Identity document"),
    "income_documents": _("Proof of income"),
    "name": _("Name in documents"),
    "iban": _("Account number"),
    "address": _("Address"),
    "period": _("Period of the statements"),
    "declared": _("Declared and shown"),
    "affordability": _("Affordability"),
    "disputes": _("Disputes on the ledger"),
    "history": _("Earlier credit"),
}
WORDS: Mapping[str, str | Promise] = {
    "age.none": _("No readable date of birth is given."),
    "age.odd": _("The date of birth means an age of {years} years."),
    "age.minor": _("{years} years old: {least} is the least."),
    "age.ok": _("Of age."),
    "wallet.ok": _("The wallet's key has signed for this account."),
    "wallet.none": _("No wallet is proven: there is nobody to sign with."),
    "lists.black": _("The wallet stands on the black list."),
    "lists.grey": _("The wallet stands on the grey list: collateral goes up."),
    "lists.none": _("On no list."),
    "identity.ok": _("An identity document is there."),
    "identity.none": _("No identity document is there."),
    "papers.both": _("Bank statement and proof of income are there."),
    "papers.read": _("Bank statements are there that a machine can read."),
    "papers.statement": _(
        "A bank statement is there; no machine can read it, and the proof of income is missing."
    ),
    "papers.income": _("A proof of income is there; the bank statement is missing."),
    "papers.none": _("Nothing shows the declared income."),
    "name.none": _("No name is given."),
    "name.unread": _("No document can be read by machine: compare the name yourself."),
    "name.holder": _("The name is that of the account's holder."),
    "name.document": _("The name stands in a document."),
    "name.other": _("The account belongs to another name."),
    "name.nowhere": _("The name stands in none of the readable documents."),
    "iban.ok": _("The account number is well formed and its bank exists."),
    "iban.bank": _("The account number is well formed; its bank is not in the list."),
    "iban.wrong": _("The account number is wrong: its check digits don't fit."),
    "iban.unread": _("No account number can be read by machine."),
    "address.ok": _("The address is complete."),
    "address.part": _("The address is incomplete."),
    "period.ok": _("The statements cover {days} days, up to {age} days ago."),
    "period.short": _("The statements cover {days} days: {least} are wanted."),
    "period.old": _("The statements end {age} days ago: {most} are the most."),
    "period.unread": _("No period can be read by machine: look at the dates yourself."),
    "period.future": _("The statements end in the future."),
    "declared.ok": _("What was declared fits what the statements show."),
    "declared.income": _("Declared is {declared_percent} % of the regular income that the statements show."),
    "declared.outgoings": _("The statements show {shown_percent} % of the declared outgoings."),
    "declared.unread": _("No machine can compare what was declared: do it yourself."),
    "affordability.none": _("Nothing is left of the income."),
    "affordability.shown": _("The limit is {percent} % of what the statements leave in a billing period."),
    "affordability.declared": _(
        "The limit is {percent} % of what is left of the declared income in a billing period."
    ),
    "disputes.none": _("No disputes on the ledger."),
    "disputes.some": _("{disputes} disputes on the ledger, none with an old state."),
    "disputes.stale": _("{stale} disputes were raised with an old state, against better knowledge."),
    "history.good": _("{settled} earlier credit notes were settled, none is overdue."),
    "history.new": _("No earlier credit: nothing speaks for or against."),
    "history.overdue": _("Earlier credit is overdue."),
    "history.default": _("Collateral was taken {defaulted} times for unpaid debt."),
}


def title_of(result: CheckResult) -> str:
    """What was checked."""
    return str(TITLES.get(result.code, result.code))


def in_words(result: CheckResult) -> str:
    """Why it came out so; results of before there were codes have their English words."""
    words = WORDS.get(result.reason_code)
    return str(words).format(**result.params) if words else result.reason
