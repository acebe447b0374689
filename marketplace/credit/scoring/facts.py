"""What the scorecard is told, and what it answers. Money in micro-units, times in days."""

import enum
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType

UNIT = 1_000_000


class Outcome(enum.StrEnum):
    """How a check came out."""

    PASS = "pass"  # noqa: S105  an outcome, no password
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Account:
    """What readable statements show of one account; empty texts are unknown, amounts are monthly."""

    iban: str
    holder: str
    first_day: date
    last_day: date
    days: int
    income: int
    outgoings: int
    instalments: int


@dataclass(frozen=True, slots=True)
class Record:
    """What the ledger knows of the applicant.

    Attributes:
        disputes: In channels of the applicant, whoever raised them.
        stale: Those that the applicant raised with an old state, against better knowledge.
        channels_closed: Channels that came to an end.
        notes_settled: Credit notes of earlier agreements that were used and settled.
        overdue: Micro-units of earlier notes that are unpaid after their term.
        defaulted: Times that collateral was taken for an unpaid debt.
    """

    disputes: int = 0
    stale: int = 0
    channels_closed: int = 0
    notes_settled: int = 0
    overdue: int = 0
    defaulted: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an application.

    `document_texts` is what PDFs say, without the unreadable ones; `accounts` has the readable statements, the
    longest first; `shade` is the applicant's list entry (`grey`, `black` or empty).
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
    accounts: Sequence[Account] = ()
    record: Record = Record()


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its outcome, why, and its part of the score.

    `reason` is a code of `reasons.REASONS`, `params` fill its words and never name a person, an account or a place.
    """

    code: str
    outcome: Outcome
    reason: str
    points: int = 0
    max_points: int = 0
    is_gate: bool = False
    params: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the scorecard proposes; a limit of zero is the advice to reject."""

    score: int
    limit: int
    collateral: int
