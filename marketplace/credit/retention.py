"""Applications and their documents whose time is over (`settings.RETENTION_DAYS`)."""

from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from marketplace.accounts.documents import drop_document
from marketplace.accounts.models import Document
from marketplace.accounts.retention import before
from marketplace.accounts.services import record
from marketplace.credit.models import CreditApplication

State = CreditApplication.State


@transaction.atomic
def clear_out(now: datetime | None = None) -> dict[str, int]:
    """Withdraw abandoned drafts, empty applications that came to nothing, delete documents that nothing needs."""
    moment = now or timezone.now()
    drafts = CreditApplication.objects.filter(state=State.DRAFT, created_at__lt=before("drafts", moment))
    withdrawn = drafts.update(state=State.WITHDRAWN)
    emptied = sum(_empty(application) for application in _came_to_nothing(moment))
    return {"drafts": withdrawn, "applications": emptied, "documents": _drop_documents(moment)}


def _came_to_nothing(now: datetime) -> QuerySet[CreditApplication]:
    limit = before("rejected", now)
    over = CreditApplication.objects.filter(state__in=(State.REJECTED, State.WITHDRAWN), created_at__lt=limit)
    return over.filter(Q(decided_at=None) | Q(decided_at__lt=limit))


def _empty(application: CreditApplication) -> bool:
    """Leave the bare fact that there was an application."""
    if application.monthly_income is None and not application.checks.exists():
        return False
    application.checks.all().delete()
    application.monthly_income = application.monthly_outgoings = None
    application.question = application.decision_reason = ""
    application.save()
    return True


def _drop_documents(now: datetime) -> int:
    """Documents all of whose applications are over for long enough, or that never got into one."""
    at = int(before("agreements", now).timestamp())
    in_use = CreditApplication.objects.filter(
        Q(state__in=(*CreditApplication.OPEN_STATES,))
        | Q(state=State.APPROVED, agreement__isnull=True)
        | Q(state=State.APPROVED, agreement__valid_until__gte=at)
    )
    gone = list(_came_to_nothing(now).values_list("pk", flat=True))
    recent = CreditApplication.objects.filter(state__in=(State.REJECTED, State.WITHDRAWN)).exclude(
        pk__in=gone
    )
    busy = Document.objects.filter(Q(applications__in=in_use) | Q(applications__in=recent)).values("pk")
    applying = CreditApplication.objects.filter(state__in=CreditApplication.OPEN_STATES).values("user")
    old = Document.objects.exclude(pk__in=busy).filter(uploaded_at__lt=before("drafts", now))
    rows = list(old.exclude(user__in=applying).select_related("user"))
    for document in rows:
        record(actor=None, action="document.expired", subject=f"document {document.pk}", person=document.user)
        drop_document(document)
    return len(rows)
