"""Reads around credit, each limited to what the asker may see."""

from django.db.models import BigIntegerField, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from marketplace.accounts.models import AuditEvent, User, Wallet
from marketplace.credit.listing import Appeal, ListEntry
from marketplace.credit.models import (
    Agreement,
    CreditApplication,
    CreditNote,
    Ledger,
    Merchant,
    ReasonTemplate,
)


def open_merchants() -> QuerySet[Merchant]:
    """Merchants that take applications."""
    return Merchant.objects.filter(is_open=True).exclude(msc="")


def staffed_merchants(user: User) -> QuerySet[Merchant]:
    """Merchants whose operator the user is: who runs the site is that for none by running it."""
    is_colleague = user.is_active and user.is_staff
    return Merchant.objects.filter(operators=user) if is_colleague else Merchant.objects.none()


def operated_merchants(user: User) -> QuerySet[Merchant]:
    """Merchants whose books the user may see: all of them for the site's superusers."""
    return Merchant.objects.all() if user.is_superuser else staffed_merchants(user)


def own_applications(user: User) -> QuerySet[CreditApplication]:
    """The user's applications, with what their JSON needs."""
    rows = CreditApplication.objects.filter(user=user).select_related("merchant", "agreement")
    return rows.prefetch_related("documents")


def reviewable_applications(user: User) -> QuerySet[CreditApplication]:
    """Applications to the merchants whose operator the user is; drafts are the applicant's alone."""
    rows = CreditApplication.objects.exclude(state=CreditApplication.State.DRAFT)
    return rows.filter(merchant__in=staffed_merchants(user)).select_related(
        "merchant", "user", "user__participant"
    )


def with_outstanding(agreements: QuerySet[Agreement]) -> QuerySet[Agreement]:
    """Agreements with `outstanding`: the sum of their notes that are still good."""
    good = CreditNote.objects.filter(
        agreement=OuterRef("pk"), valid_until__gt=int(timezone.now().timestamp())
    )
    total = good.order_by().values("agreement").annotate(total=Sum("amount")).values("total")
    outstanding = Coalesce(
        Subquery(total, output_field=BigIntegerField()), Value(0), output_field=BigIntegerField()
    )
    name = "outstanding"  # declared on the model, which django-stubs takes for a clash when it sees it here
    return agreements.annotate(**{name: outstanding})


def own_agreements(user: User) -> QuerySet[Agreement]:
    """The user's agreements."""
    return with_outstanding(Agreement.objects.filter(user=user)).select_related("merchant")


def merchant_agreements(user: User) -> QuerySet[Agreement]:
    """Agreements of the merchants that the user operates."""
    rows = Agreement.objects.filter(merchant__in=operated_merchants(user))
    return with_outstanding(rows).select_related("merchant", "user", "user__participant", "first_raise")


def own_notes(user: User) -> QuerySet[CreditNote]:
    """Credit notes issued to the user's session keys."""
    return CreditNote.objects.filter(agreement__user=user).select_related("agreement")


def merchant_notes(user: User) -> QuerySet[CreditNote]:
    """Credit notes of the merchants that the user operates."""
    return CreditNote.objects.filter(agreement__merchant__in=operated_merchants(user)).select_related(
        "agreement__merchant",
    )


def merchant_list_entries(user: User) -> QuerySet[ListEntry]:
    """List entries of the user's merchants, and those that hold for all, which every operator may see."""
    merchants = operated_merchants(user)
    if not merchants.exists():
        return ListEntry.objects.none()
    return ListEntry.objects.filter(Q(merchant__in=merchants) | Q(merchant=None))


def merchant_audit(user: User) -> QuerySet[AuditEvent]:
    """Audit events about people who applied to the user's merchants."""
    rows = AuditEvent.objects.select_related("actor", "person")
    if user.is_superuser:
        return rows
    people = CreditApplication.objects.filter(merchant__in=operated_merchants(user)).values("user")
    colleagues = User.objects.filter(merchants__in=operated_merchants(user)).values("pk")
    return rows.filter(Q(person__in=people) & (Q(actor__in=colleagues) | Q(actor__in=people)))


def entries_in_force() -> QuerySet[ListEntry]:
    """Entries that count: confirmed where they hold for all, and not lifted."""
    return ListEntry.objects.filter(in_force=True, lifted_at=None)


def own_entries(user: User) -> QuerySet[ListEntry]:
    """What the lists say of the user's wallet, with what became of it."""
    rows = ListEntry.objects.filter(
        in_force=True, wallet__in=Wallet.objects.filter(user=user).values("address")
    )
    return rows.select_related("merchant", "appeal")


def appeals_before(user: User) -> QuerySet[Appeal]:
    """Appeals that are the user's to answer, and those that were."""
    mine = Q(entry__merchant__in=staffed_merchants(user))
    own = mine | Q(entry__merchant=None) if user.is_superuser else mine
    return Appeal.objects.filter(own).select_related("entry__merchant", "user", "user__participant")


def merchant_reasons(user: User) -> QuerySet[ReasonTemplate]:
    """Words that the user's merchants begin from."""
    return ReasonTemplate.objects.filter(merchant__in=staffed_merchants(user)).select_related("merchant")


def shade_of(*, wallet: str, merchant: Merchant) -> str:
    """Darkest list entry of a wallet at a merchant: `black`, `grey`, or empty."""
    entries = entries_in_force().filter(Q(merchant=merchant) | Q(merchant=None), wallet=wallet)
    shades = set(entries.values_list("shade", flat=True))
    return next((shade for shade in ("black", "grey") if shade in shades), "")


def active_agreement(user: User) -> Agreement | None:
    """The user's newest active agreement that has not run out, or None."""
    now = int(timezone.now().timestamp())
    return own_agreements(user).filter(state=Agreement.State.ACTIVE, valid_until__gt=now).first()


def ledgers(user: User) -> QuerySet[Ledger]:
    """Chains with contracts; public facts for every operator."""
    return Ledger.objects.all() if user.is_staff else Ledger.objects.none()
