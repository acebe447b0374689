"""What this app keeps of a person, for the export."""

from typing import Any

from marketplace.accounts import export
from marketplace.accounts.fields import prefetch_keys
from marketplace.accounts.models import User
from marketplace.billing.keeping import content_of, document_of
from marketplace.billing.models import Bill, DebtPayment

FIGURES = (
    "kind", "reference", "starts_at", "ends_at", "issued_at", "due_at", "paid_at", "owed", "net_cents", "vat_cents",
    "offset_cents", "due_cents",
)  # fmt: skip


def bills(user: User) -> list[dict[str, Any]]:
    """Bills with their statements and payments."""
    rows = list(Bill.objects.filter(user=user).select_related("merchant").prefetch_related("payments"))
    prefetch_keys(rows)
    return [
        {
            "merchant": row.merchant.name,
            **{name: getattr(row, name) for name in FIGURES},
            "statement": content_of(row),
            "payments": [
                {name: getattr(one, name) for name in ("way", "amount", "reference", "at")}
                for one in row.payments.all()
            ],
        }
        for row in rows
    ]


def debts(user: User) -> list[dict[str, Any]]:
    """What came by bank for debts of credit notes."""
    rows = DebtPayment.objects.filter(agreement__user=user).select_related("agreement")
    names = ("amount", "reference", "state", "at", "transaction_hash")
    return [{"agreement": row.agreement.sid, **{name: getattr(row, name) for name in names}} for row in rows]


def documents(user: User) -> list[tuple[str, bytes]]:
    """The bills as PDF."""
    rows = list(Bill.objects.filter(user=user).select_related("user"))
    prefetch_keys(rows)
    found = ((f"{row.reference}.pdf", document_of(row)) for row in rows)
    return [(name, raw) for name, raw in found if raw is not None]


def register() -> None:
    """Name the topics."""
    export.register("bills", bills)
    export.register("debts_paid_by_bank", debts)
    export.register_files("bills", documents)
