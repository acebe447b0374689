"""What this app keeps of a person, for the export."""

from typing import Any

from marketplace.accounts import export
from marketplace.accounts.fields import prefetch_keys
from marketplace.accounts.models import User
from marketplace.credit.listing import Appeal, ListEntry
from marketplace.credit.models import Agreement, CreditApplication, CreditNote

APPLICATION = (
    "id", "state", "requested_limit", "monthly_income", "monthly_outgoings", "consent_at", "question",
    "decision_reason", "score", "proposed_limit", "proposed_collateral", "created_at", "submitted_at", "decided_at",
)  # fmt: skip
AGREEMENT = (
    "id", "state", "msc", "participant", "credit_limit", "changed_limit", "collateral", "billing_period",
    "payment_term", "valid_until", "documents_hash", "documents_salt", "nonce", "sid", "merchant_signature",
    "participant_signature", "transaction_hash", "block_number", "created_at", "activated_at",
)  # fmt: skip
CHECK = ("code", "outcome", "reason", "points", "max_points")
NOTE = ("serial", "holder", "amount", "valid_until", "merchant_signature", "receipt_signature", "issued_at")


def _row(thing: object, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(thing, name) for name in names}


def applications(user: User) -> list[dict[str, Any]]:
    """Applications with their checks and the scorecard's proposal."""
    rows = list(CreditApplication.objects.filter(user=user).select_related("merchant"))
    prefetch_keys(rows)
    return [
        {
            "merchant": row.merchant.name,
            **_row(row, APPLICATION),
            "documents": [str(pk) for pk in row.documents.values_list("pk", flat=True)],
            "checks": [_row(check, CHECK) for check in row.checks.all()],
        }
        for row in rows
    ]


def agreements(user: User) -> list[dict[str, Any]]:
    """Agreements with the notes that were signed under them."""
    rows = list(Agreement.objects.filter(user=user).select_related("merchant"))
    prefetch_keys(rows)
    return [
        {
            "merchant": row.merchant.name,
            **_row(row, AGREEMENT),
            "notes": [_row(note, NOTE) for note in CreditNote.objects.filter(agreement=row)],
        }
        for row in rows
    ]


def list_entries(user: User) -> list[dict[str, Any]]:
    """Entries of the person's wallet on black and grey lists."""
    address = getattr(getattr(user, "wallet", None), "address", "")
    return [
        {
            "by": row.merchant.name if row.merchant else "all merchants",
            **_row(row, ("shade", "reason", "created_at", "in_force", "lifted_at")),
        }
        for row in ListEntry.objects.filter(wallet=address).select_related("merchant")
    ]


def appeals(user: User) -> list[dict[str, Any]]:
    """What the person said against such entries, and the answers."""
    rows = list(Appeal.objects.filter(user=user))
    prefetch_keys(rows)
    return [_row(row, ("words", "state", "answer", "created_at", "decided_at")) for row in rows]


def register() -> None:
    """Name the topics."""
    for collect in (applications, agreements, list_entries, appeals):
        export.register(collect.__name__, collect)
