"""Who may do what to which object; `selectors` has the query for each of these predicates."""

from typing import Any

from rules.permissions import add_perm, has_perm
from rules.predicates import is_active, is_staff, predicate

from marketplace.accounts.models import Document, User
from marketplace.credit.models import Agreement, CreditApplication, CreditNote, Merchant


def _merchant_of(thing: Any) -> int | None:
    if isinstance(thing, Merchant):
        return thing.pk
    if isinstance(thing, CreditNote):
        return thing.agreement.merchant_id
    merchant: int | None = getattr(thing, "merchant_id", None)
    return merchant


@predicate  # type: ignore[untyped-decorator]  # rules ships no types
def is_operator(user: User, thing: object | None) -> bool:
    """The user operates the merchant that the object belongs to."""
    merchant = _merchant_of(thing)
    return merchant is not None and Merchant.objects.filter(pk=merchant, operators=user).exists()


@predicate  # type: ignore[untyped-decorator]  # rules ships no types
def is_owner(user: User, thing: Document | CreditApplication | Agreement | None) -> bool:
    """The object is the user's own."""
    return thing is not None and thing.user_id == user.pk


@predicate  # type: ignore[untyped-decorator]  # rules ships no types
def is_reviewer(user: User, document: Document | None) -> bool:
    """The document belongs to an application, past its draft and not withdrawn, to a merchant that the user operates."""
    if document is None:
        return False
    applications = CreditApplication.objects.filter(documents=document, merchant__operators=user)
    return applications.exclude(state__in=CreditApplication.UNSEEN_STATES).exists()


is_colleague = is_active & is_staff & is_operator

PERMISSIONS = {
    "accounts.read_document": is_owner | (is_active & is_staff & is_reviewer),
    "credit.review_application": is_colleague,
    "credit.see_agreement": is_owner | is_colleague,
    "credit.operate_merchant": is_colleague,
}


def may(user: User, permission: str, thing: object) -> bool:
    """Whether the rule allows it, to superusers too: who runs the site is neither a merchant's eyes nor a confidant."""
    return bool(has_perm(permission, user, thing))  # type: ignore[no-untyped-call]  # rules ships no types


for name, rule in PERMISSIONS.items():
    add_perm(name, rule)  # type: ignore[no-untyped-call]  # rules ships no types
