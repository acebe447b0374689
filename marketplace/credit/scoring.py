"""Checks of a credit application and the scorecard that proposes a limit: pure, integers only.

Nothing here decides: a person does, and sees every reason. A failed *gate* (age, wallet, identity document,
black list) proposes no credit at all; all else is points, whose sum sets how much collateral is asked for.
"""

import enum
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

UNIT = 1_000_000
MONTH_SECONDS = 30 * 24 * 3600
ADULT_YEARS = 18
OLDEST_YEARS = 120
COLLATERAL_PERCENT = ((80, 10), (60, 25), (40, 50), (0, 100))
GREY_SURCHARGE_PERCENT = 25
AFFORDABILITY_POINTS = ((25, 40), (50, 25), (100, 10))


class Outcome(enum.StrEnum):
    """How a check came out."""

    PASS = "pass"  # noqa: S105  an outcome, no password
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an application.

    Money in micro-units; `document_texts` is what machine-readable documents say, without the unreadable
    ones; `shade` is the applicant's list entry (`grey`, `black` or empty).
    """

    today: date
    legal_name: str
    birth_date: str
    address: tuple[str, str, str, str]
    wallet_proven: bool
    document_kinds: Collection[str]
    document_texts: Sequence[str]
    monthly_income: int
    monthly_outgoings: int
    requested_limit: int
    max_limit: int
    billing_period: int
    shade: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its outcome, the reason in words, and its part of the score."""

    code: str
    outcome: Outcome
    reason: str
    points: int = 0
    max_points: int = 0
    is_gate: bool = False


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the scorecard proposes; a limit of zero is the advice to reject."""

    score: int
    limit: int
    collateral: int


def check_all(facts: Facts) -> tuple[Check, ...]:
    """Run every check, in the order in which a reviewer reads them."""
    return (
        check_age(facts),
        check_wallet(facts),
        check_lists(facts),
        check_identity_document(facts),
        check_income_documents(facts),
        check_name(facts),
        check_address(facts),
        check_affordability(facts),
    )


def years_between(born: date, today: date) -> int:
    """Completed years; who was born on 29 February completes a year on 1 March of common years."""
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def check_age(facts: Facts) -> Check:
    """Of age, and a believable date."""
    try:
        years = years_between(date.fromisoformat(facts.birth_date), facts.today)
    except ValueError:
        return Check("age", Outcome.FAIL, "No readable date of birth is given.", is_gate=True)
    if not 0 <= years <= OLDEST_YEARS:
        return Check("age", Outcome.FAIL, f"The date of birth means an age of {years} years.", is_gate=True)
    if years < ADULT_YEARS:
        return Check("age", Outcome.FAIL, f"{years} years old: {ADULT_YEARS} is the least.", is_gate=True)
    return Check("age", Outcome.PASS, f"{years} years old.", is_gate=True)


def check_wallet(facts: Facts) -> Check:
    """A root address proven by signature."""
    if facts.wallet_proven:
        return Check("wallet", Outcome.PASS, "The wallet's key has signed for this account.", is_gate=True)
    return Check("wallet", Outcome.FAIL, "No wallet is proven: there is nobody to sign with.", is_gate=True)


def check_lists(facts: Facts) -> Check:
    """Black and grey lists."""
    if facts.shade == "black":
        return Check("lists", Outcome.FAIL, "The wallet stands on the black list.", is_gate=True)
    if facts.shade == "grey":
        return Check(
            "lists", Outcome.WARN, "The wallet stands on the grey list: collateral goes up.", is_gate=True
        )
    return Check("lists", Outcome.PASS, "On no list.", is_gate=True)


def check_identity_document(facts: Facts) -> Check:
    """An identity document is there."""
    if "identity" in facts.document_kinds:
        return Check("identity", Outcome.PASS, "An identity document is there.", 15, 15, is_gate=True)
    return Check("identity", Outcome.FAIL, "No identity document is there.", 0, 15, is_gate=True)


def check_income_documents(facts: Facts) -> Check:
    """What was declared is shown by a statement, a proof of income, or both."""
    shown = sorted({"statement", "income"} & set(facts.document_kinds))
    if len(shown) == 2:  # noqa: PLR2004  both kinds
        return Check(
            "income_documents", Outcome.PASS, "Bank statement and proof of income are there.", 15, 15
        )
    if shown:
        other = "proof of income" if shown == ["statement"] else "bank statement"
        return Check("income_documents", Outcome.WARN, f"The {other} is missing.", 8, 15)
    return Check("income_documents", Outcome.FAIL, "Nothing shows the declared income.", 0, 15)


def name_parts(name: str) -> frozenset[str]:
    """Words of a name without case, accents and punctuation."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(c))
    return frozenset("".join(c if c.isalnum() else " " for c in bare).split())


def check_name(facts: Facts) -> Check:
    """The applicant's name stands in a machine-readable document."""
    wanted = name_parts(facts.legal_name)
    if not wanted:
        return Check("name", Outcome.FAIL, "No name is given.", 0, 20)
    if not any(text.strip() for text in facts.document_texts):
        return Check(
            "name", Outcome.WARN, "No document can be read by machine: compare the name yourself.", 10, 20
        )
    if any(wanted <= name_parts(text) for text in facts.document_texts):
        return Check("name", Outcome.PASS, "The name stands in a document.", 20, 20)
    return Check("name", Outcome.FAIL, "The name stands in none of the readable documents.", 0, 20)


def check_address(facts: Facts) -> Check:
    """The address is complete."""
    if all(part.strip() for part in facts.address):
        return Check("address", Outcome.PASS, "The address is complete.", 10, 10)
    return Check("address", Outcome.WARN, "The address is incomplete.", 0, 10)


def disposable_per_period(facts: Facts) -> int:
    """Declared income less outgoings over one billing period, micro-units, rounded down, at least 0."""
    monthly = max(0, facts.monthly_income - facts.monthly_outgoings)
    return monthly * facts.billing_period // MONTH_SECONDS


def check_affordability(facts: Facts) -> Check:
    """The limit against what is left of the declared income in a billing period."""
    disposable = disposable_per_period(facts)
    if disposable == 0:
        return Check("affordability", Outcome.FAIL, "Nothing is left of the declared income.", 0, 40)
    percent = -(-100 * facts.requested_limit // disposable)
    points = next((points for most, points in AFFORDABILITY_POINTS if percent <= most), 0)
    outcome = Outcome.PASS if points > 10 else Outcome.WARN if points else Outcome.FAIL  # noqa: PLR2004  the table's last row
    reason = f"The limit is {percent} % of what is left of the declared income in a billing period."
    return Check("affordability", outcome, reason, points, 40)


def propose(facts: Facts, checks: Sequence[Check]) -> Proposal:
    """Limit and collateral from the checks; whole currency units, the limit rounded down, collateral up."""
    score = sum(check.points for check in checks)
    if any(check.is_gate and check.outcome is Outcome.FAIL for check in checks):
        return Proposal(score, 0, 0)
    affordable = disposable_per_period(facts) // 2
    limit = min(facts.requested_limit, facts.max_limit, affordable) // UNIT * UNIT
    return Proposal(score, limit, collateral_for(limit, score, shade=facts.shade))


def collateral_for(limit: int, score: int, *, shade: str = "") -> int:
    """Collateral that a score asks for, micro-units, rounded up to a whole unit, never above the limit."""
    percent = next(percent for least, percent in COLLATERAL_PERCENT if score >= least)
    if shade == "grey":
        percent = min(100, percent + GREY_SURCHARGE_PERCENT)
    return min(limit, -(-limit * percent // (100 * UNIT)) * UNIT)
