"""What is too old goes by itself, and nothing else."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from axes.models import AccessLog
from django.contrib.sessions.models import Session
from django.utils import timezone
from people import Person, Shop, png
from pytest_django import Settings

from marketplace.accounts import retention
from marketplace.accounts.documents import add_document
from marketplace.accounts.models import AuditEvent, Document, SignInNonce
from marketplace.credit import decisions, services
from marketplace.credit import retention as credit_retention
from marketplace.credit.models import Agreement, CreditApplication
from marketplace.upkeep.registry import WORKS

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def _age(rows: object, field: str, days: float) -> None:
    rows.update(**{field: NOW - timedelta(days=days)})  # type: ignore[attr-defined]  # any query set


def test_it_comes_round_by_itself() -> None:
    assert {"accounts.retention", "accounts.scans", "credit.retention"} <= set(WORKS)


def test_traces_of_sign_ins_nonces_and_mail_go(person: Person, settings: Settings, tmp_path: Path) -> None:
    settings.EMAIL_FILE_PATH = tmp_path
    fresh, old = tmp_path / "fresh.log", tmp_path / "old.log"
    for path in (fresh, old):
        path.write_text("Hello")
    os.utime(old, (0, 0))
    for days in (0, 31):
        AccessLog.objects.create(username="x", attempt_time=NOW)
        _age(AccessLog.objects.filter(pk=AccessLog.objects.latest("pk").pk), "attempt_time", days)
        SignInNonce.objects.create(value=f"n{days}", user=person.user, expires_at=NOW - timedelta(days=days))
    AuditEvent.objects.create(action="x", subject="new")
    AuditEvent.objects.create(action="x", subject="old")
    _age(AuditEvent.objects.filter(subject="old"), "at", 3 * 365 + 1)
    _age(Session.objects.filter(), "expire_date", 1)
    gone = retention.clear_out(NOW)
    assert gone == {"nonces": 1, "sessions": 1, "audit": 1, "sign_ins": 1, "tasks": 0, "mail": 1}
    assert fresh.exists()
    assert AuditEvent.objects.filter(subject="new").exists()


def _files(person: Person) -> int:
    return Document.objects.filter(user=person.user).count()


def test_abandoned_drafts_go_with_their_documents(person: Person, shop: Shop) -> None:
    wish = {"requested_limit": 1, "monthly_income": 1, "monthly_outgoings": 0, "consent": True}
    services.start_application(user=person.user, merchant=shop.merchant, **wish)
    for days, left in ((89, 2), (91, 0)):
        _age(CreditApplication.objects, "created_at", days)
        _age(Document.objects, "uploaded_at", days)
        credit_retention.clear_out(NOW)
        assert _files(person) == left
    assert CreditApplication.objects.get().state == "withdrawn"


@pytest.mark.parametrize("verdict", ["rejected", "approved"])
def test_decided_applications_keep_documents_for_their_time(
    person: Person, shop: Shop, apply: Callable[[Person, Shop], CreditApplication], verdict: str
) -> None:
    application = apply(person, shop)
    if verdict == "rejected":
        decisions.reject_application(application=application, operator=shop.operator, reason="Too little")
        steps = ((179, 2), (181, 0))
    else:
        terms = {"limit": 10**6, "collateral": 0}
        decisions.approve_application(application=application, operator=shop.operator, **terms)
        steps = ((5 * 365 - 1, 2), (5 * 365 + 1, 0))
    for days, left in steps:
        _age(CreditApplication.objects, "created_at", days)
        _age(CreditApplication.objects, "decided_at", days)
        _age(Document.objects, "uploaded_at", days)
        Agreement.objects.update(valid_until=int((NOW - timedelta(days=days)).timestamp()))
        credit_retention.clear_out(NOW)
        assert _files(person) == left
    application = CreditApplication.objects.get()
    assert (application.monthly_income is None) == (verdict == "rejected")
    assert AuditEvent.objects.filter(action="document.expired").count() == 2


def test_a_document_that_another_application_needs_stays(
    person: Person, make_shop: Callable[[str], Shop], apply: Callable[[Person, Shop], CreditApplication]
) -> None:
    one, two = make_shop("one"), make_shop("two")
    first = apply(person, one)
    decisions.reject_application(application=first, operator=one.operator, reason="No")
    apply(person, two)
    add_document(user=person.user, kind="income", filename="pay.png", raw=png((9, 9, 9)))
    _age(CreditApplication.objects, "created_at", 500)
    _age(CreditApplication.objects.filter(pk=first.pk), "decided_at", 500)
    _age(Document.objects, "uploaded_at", 500)
    credit_retention.clear_out(NOW)
    assert _files(person) == 3
