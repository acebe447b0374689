"""Who applies, with which papers, and what the ledger remembers."""

from datetime import date

from schwifty import IBAN
from schwifty.exceptions import SchwiftyException

from marketplace.credit.scoring import names
from marketplace.credit.scoring.facts import Check, Facts, Outcome

ADULT_YEARS = 18
OLDEST_YEARS = 120
LEAST_DAYS = 80
MOST_AGE_DAYS = 45
PASS, WARN, FAIL = Outcome.PASS, Outcome.WARN, Outcome.FAIL


def years_between(born: date, today: date) -> int:
    """Completed years; who was born on 29 February completes a year on 1 March of common years."""
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def check_age(facts: Facts) -> Check:
    """Of age, and a believable date."""
    try:
        years = years_between(date.fromisoformat(facts.birth_date), facts.today)
    except ValueError:
        return Check("age", FAIL, "age.none", is_gate=True)
    if not 0 <= years <= OLDEST_YEARS:
        return Check("age", FAIL, "age.odd", is_gate=True, params={"years": years})
    if years < ADULT_YEARS:
        return Check("age", FAIL, "age.minor", is_gate=True, params={"years": years, "least": ADULT_YEARS})
    return Check("age", PASS, "age.ok", is_gate=True)


def check_wallet(facts: Facts) -> Check:
    """A root address proven by signature."""
    if facts.wallet_proven:
        return Check("wallet", PASS, "wallet.ok", is_gate=True)
    return Check("wallet", FAIL, "wallet.none", is_gate=True)


def check_lists(facts: Facts) -> Check:
    """Black and grey lists."""
    outcome = {"black": FAIL, "grey": WARN}.get(facts.shade, PASS)
    return Check("lists", outcome, f"lists.{facts.shade or 'none'}", is_gate=True)


def check_identity_document(facts: Facts) -> Check:
    """An identity document is there."""
    if "identity" in facts.document_kinds:
        return Check("identity", PASS, "identity.ok", 10, 10, is_gate=True)
    return Check("identity", FAIL, "identity.none", 0, 10, is_gate=True)


def check_papers(facts: Facts) -> Check:
    """What was declared is shown: by statements that a machine reads, or by statement and proof of income."""
    shown = {"statement", "income"} & set(facts.document_kinds)
    if "statement" in shown and facts.accounts:
        return Check("income_documents", PASS, "papers.read", 10, 10)
    if len(shown) == 2:  # noqa: PLR2004  both kinds
        return Check("income_documents", PASS, "papers.both", 10, 10)
    if shown:
        return Check("income_documents", WARN, f"papers.{shown.pop()}", 5, 10)
    return Check("income_documents", FAIL, "papers.none", 0, 10)


def check_name(facts: Facts) -> Check:
    """The applicant is the account's holder, or stands in a document."""
    if not all(names.spellings(facts.legal_name)):
        return Check("name", FAIL, "name.none", 0, 15)
    holders = [account.holder for account in facts.accounts if account.holder]
    if holders and not any(names.same(facts.legal_name, holder) for holder in holders):
        return Check("name", FAIL, "name.other", 0, 15)
    if holders:
        return Check("name", PASS, "name.holder", 15, 15)
    texts = [text for text in facts.document_texts if text.strip()]
    if not texts:
        return Check("name", WARN, "name.unread", 8, 15)
    found = names.stands_in(facts.legal_name, texts)
    return Check(
        "name", PASS if found else FAIL, "name.document" if found else "name.nowhere", 15 * found, 15
    )


def check_iban(facts: Facts) -> Check:
    """The account number's check digits (ISO 13616) and its bank."""
    numbers = [account.iban for account in facts.accounts if account.iban]
    if not numbers:
        return Check("iban", WARN, "iban.unread", 2, 5)
    try:
        banks = [IBAN(number, validate_bban=True).bic for number in numbers]
    except SchwiftyException:
        return Check("iban", FAIL, "iban.wrong", 0, 5)
    if all(banks):
        return Check("iban", PASS, "iban.ok", 5, 5)
    return Check("iban", WARN, "iban.bank", 4, 5)


def check_address(facts: Facts) -> Check:
    """The address is complete."""
    if all(part.strip() for part in facts.address):
        return Check("address", PASS, "address.ok", 5, 5)
    return Check("address", WARN, "address.part", 0, 5)


def check_period(facts: Facts) -> Check:
    """The statements are recent and cover a quarter of a year."""
    account = next(iter(facts.accounts), None)
    if account is None:
        return Check("period", WARN, "period.unread", 5, 10)
    age = (facts.today - account.last_day).days
    if age < 0:
        return Check("period", FAIL, "period.future", 0, 10)
    if age > MOST_AGE_DAYS:
        return Check("period", FAIL, "period.old", 0, 10, params={"age": age, "most": MOST_AGE_DAYS})
    if account.days < LEAST_DAYS:
        return Check(
            "period", WARN, "period.short", 5, 10, params={"days": account.days, "least": LEAST_DAYS}
        )
    return Check("period", PASS, "period.ok", 10, 10, params={"days": account.days, "age": age})


def check_disputes(facts: Facts) -> Check:
    """Disputes on the ledger. One that somebody raised in good faith speaks against nobody."""
    record = facts.record
    if record.stale:
        return Check("disputes", FAIL, "disputes.stale", 0, 5, params={"stale": record.stale})
    if record.disputes:
        return Check("disputes", PASS, "disputes.some", 5, 5, params={"disputes": record.disputes})
    return Check("disputes", PASS, "disputes.none", 5, 5)


def check_history(facts: Facts) -> Check:
    """What became of earlier credit."""
    record = facts.record
    if record.defaulted:
        return Check("history", FAIL, "history.default", 0, 5, params={"defaulted": record.defaulted})
    if record.overdue:
        return Check("history", FAIL, "history.overdue", 0, 5)
    if record.notes_settled:
        return Check("history", PASS, "history.good", 5, 5, params={"settled": record.notes_settled})
    return Check("history", PASS, "history.new", 3, 5)
