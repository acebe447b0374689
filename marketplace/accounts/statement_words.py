"""Faults of bank statements in the reader's language."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from marketplace.accounts.banking.records import Fault, StatementFaultError

WORDS: Mapping[str, str | Promise] = {
    "encoding": gettext_lazy("The file is no text: export the statement again as CAMT.053, MT940 or CSV."),
    "form": gettext_lazy(
        "This is neither CAMT.053 (XML), MT940 nor CSV with semicolons: export it from your online banking again."
    ),
    "xml_broken": gettext_lazy("The XML breaks off here: export the statement again and don't edit it."),
    "xml_active": gettext_lazy(
        "The XML declares a document type or entities, which no statement needs: export it again."
    ),
    "xml_other": gettext_lazy(
        "This is {found}, not a statement (camt.053): choose “camt.053” or “account statement” at the export."
    ),
    "currency": gettext_lazy("The account is kept in {currency}: only statements in EUR can be read."),
    "amount": gettext_lazy("“{text}” is no amount: it must look like -1.234,56 or -1234.56."),
    "date": gettext_lazy("“{text}” is no date: it must look like 31.12.2026 or 2026-12-31."),
    "mt940_line": gettext_lazy("“{text}” is no line of MT940: export the statement again and don't edit it."),
    "account": gettext_lazy("There is no account number: export the statement with its account."),
    "columns": gettext_lazy(
        "There is no header with the columns {missing}: export with all columns, separated by semicolons."
    ),
    "fields": gettext_lazy(
        "{found} fields instead of {wanted}: a text with a semicolon needs quotation marks; export it again."
    ),
    "empty": gettext_lazy("There is no booking in it: choose a period with bookings."),
    "balance": gettext_lazy(
        "Opening balance and bookings miss the closing balance by {difference}: the file is cut or was changed."
    ),
    "mixed": gettext_lazy("There is more than one account in it: export one file an account."),
}


def in_words(fault: Fault) -> str:
    """One fault with its line and its remedy."""
    said = str(WORDS[fault.code]).format(**fault.params)
    return _("Line %(line)s: %(fault)s") % {"line": fault.line, "fault": said} if fault.line else said


def statement_faults(error: StatementFaultError) -> list[str]:
    """All faults of a file."""
    return [in_words(fault) for fault in error.faults]
