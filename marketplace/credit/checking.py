"""Gathering what the scorecard is told about an application, and keeping what it answers."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils import timezone
from pypdf import PdfReader

from marketplace.accounts.banking.figures import Figures, figures_of
from marketplace.accounts.banking.reading import read_statement
from marketplace.accounts.banking.records import BankStatement, StatementFaultError
from marketplace.accounts.documents import open_document
from marketplace.accounts.models import Document, User
from marketplace.accounts.selectors import opened_documents, participant_of, shown_documents, wallet_of
from marketplace.credit.models import CheckResult, CreditApplication
from marketplace.credit.record import record_of
from marketplace.credit.scoring.card import check_all, propose
from marketplace.credit.scoring.facts import Account, Check, Facts
from marketplace.credit.scoring.reasons import REASONS
from marketplace.credit.selectors import shade_of

MAX_TEXT = 200_000
ADDRESS = ("street", "postcode", "city", "country")


@dataclass(frozen=True, slots=True)
class Papers:
    """What machines read in somebody's documents."""

    texts: tuple[str, ...]
    accounts: tuple[Figures, ...]


def read_papers(user: User) -> Papers:
    """Text of the user's PDFs and the figures of the user's statements; their form was checked at the upload."""
    documents = opened_documents(shown_documents(user))
    pdfs = [one for one in documents if one.content_type == "application/pdf"]
    statements = [one for one in documents if one.content_type in Document.STATEMENT_TYPES]
    texts = tuple(_text(open_document(document)) for document in pdfs)
    read = [found for one in statements if (found := _statement(open_document(one)))]
    return Papers(texts, figures_of(read))


def _text(raw: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(raw)).pages)[:MAX_TEXT]


def _statement(raw: bytes) -> BankStatement | None:
    try:
        return read_statement(raw)
    except StatementFaultError:
        return None


def facts_of(application: CreditApplication, papers: Papers) -> Facts:
    """What is known about an application, as the checks take it."""
    participant, wallet = participant_of(application.user), wallet_of(application.user)
    return Facts(
        today=timezone.now().date(),
        legal_name=(participant and participant.legal_name) or "",
        birth_date=(participant and participant.birth_date) or "",
        address=tuple(getattr(participant, name, None) or "" for name in ADDRESS),  # type: ignore[arg-type]  # four names, four values
        wallet_proven=wallet is not None,
        document_kinds=set(shown_documents(application.user).values_list("kind", flat=True)),
        document_texts=papers.texts,
        monthly_income=int(application.monthly_income or 0),
        monthly_outgoings=int(application.monthly_outgoings or 0),
        requested_limit=application.requested_limit,
        max_limit=application.merchant.max_limit,
        billing_period=application.merchant.billing_period,
        shade=shade_of(wallet=wallet.address, merchant=application.merchant) if wallet else "",
        accounts=[_account(figures) for figures in papers.accounts],
        record=record_of(application.user),
    )


def _account(figures: Figures) -> Account:
    return Account(
        iban=figures.iban,
        holder=figures.holder,
        first_day=figures.start,
        last_day=figures.end,
        days=figures.days,
        income=figures.income,
        outgoings=figures.outgoings,
        instalments=figures.instalments,
    )


def run_checks(application: CreditApplication, papers: Papers) -> None:
    """Check the application anew: score and proposal go onto it unsaved, the checks into their table."""
    facts = facts_of(application, papers)
    checks = check_all(facts)
    proposal = propose(facts, checks)
    application.score = max(0, proposal.score)
    application.proposed_limit, application.proposed_collateral = proposal.limit, proposal.collateral
    application.checks.all().delete()
    CheckResult.objects.bulk_create(_results(application, checks))


def _results(application: CreditApplication, checks: Sequence[Check]) -> list[CheckResult]:
    return [
        CheckResult(
            application=application,
            position=position,
            code=check.code,
            outcome=check.outcome,
            reason=REASONS[check.reason].format(**check.params),
            reason_code=check.reason,
            params=dict(check.params),
            points=check.points,
            max_points=check.max_points,
        )
        for position, check in enumerate(checks)
    ]
