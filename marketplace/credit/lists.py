"""Writes around the black and grey lists: listing, confirming, lifting, appealing, answering.

An entry of a merchant is its operators' affair. One that holds for every merchant takes two of those who run the site,
to be put in force and to be answered for.
"""

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from marketplace.accounts.errors import ConflictError, RefusedError
from marketplace.accounts.hexadecimal import ADDRESS_BYTES, from_hex, to_hex
from marketplace.accounts.models import User, Wallet
from marketplace.accounts.services import record
from marketplace.credit.listing import Appeal, ListEntry
from marketplace.credit.models import Merchant
from marketplace.credit.rules import may
from marketplace.notifications.services import notify

MOST_WORDS = 2000
MOST_REASON = 300
ERASED = "(erased)"


def _may_keep(operator: User, merchant: Merchant | None) -> None:
    if merchant is None:
        if not (operator.is_active and operator.is_superuser):
            raise PermissionDenied(_("Entries for every merchant are kept by those who run the site."))
    elif not may(operator, "credit.operate_merchant", merchant):
        raise PermissionDenied(_("Only the merchant's own operators keep its lists."))


@transaction.atomic
def list_wallet(
    *, operator: User, merchant: Merchant | None, wallet: str, shade: str, reason: str
) -> ListEntry:
    """Put a wallet on a list. For a merchant it counts at once, for all of them once somebody else confirms it.

    Raises:
        PermissionDenied: it is not the operator's list.
        RefusedError: no address, no reason, or an unknown shade.
    """
    _may_keep(operator, merchant)
    address = to_hex(from_hex(wallet.strip().lower(), length=ADDRESS_BYTES, field="wallet"))
    if shade not in ListEntry.Shade.values:
        raise RefusedError("shade", _("Choose the grey or the black list."), {"shade": [_("Choose one.")]})
    entry = ListEntry.objects.create(
        merchant=merchant,
        wallet=address,
        shade=shade,
        reason=_needed(reason, "reason", MOST_REASON),
        added_by=operator,
        in_force=merchant is not None,
    )
    _record(entry, operator, "list.added" if entry.in_force else "list.proposed")
    if entry.in_force:
        _tell_listed(entry)
    return entry


@transaction.atomic
def confirm_entry(*, entry: ListEntry, operator: User) -> ListEntry:
    """Put an entry for every merchant in force, as the second of two.

    Raises:
        PermissionDenied: it is not the operator's list.
        ConflictError: the operator proposed it, or it is in force or lifted already.
    """
    entry = _locked(entry)
    _may_keep(operator, entry.merchant)
    if entry.in_force or entry.lifted_at is not None:
        raise ConflictError("not_proposed", _("This entry does not wait for a second person."))
    if entry.added_by_id == operator.pk:
        raise ConflictError("same_person", _("Somebody else has to confirm what you proposed."))
    entry.in_force = True
    entry.save(update_fields=["in_force"])
    _record(entry, operator, "list.confirmed")
    _tell_listed(entry)
    return entry


@transaction.atomic
def lift_entry(*, entry: ListEntry, operator: User) -> ListEntry:
    """Take a wallet off a list; repeating it is harmless. An appeal that was open is thereby granted.

    Raises:
        PermissionDenied: it is not the operator's list.
    """
    entry = _locked(entry)
    _may_keep(operator, entry.merchant)
    if entry.lifted_at is None:
        _lift(entry, operator)
        for appeal in Appeal.objects.filter(entry=entry, state=Appeal.State.OPEN):
            _close(appeal, operator, Appeal.State.GRANTED, _("The entry was lifted."))
    return entry


def _lift(entry: ListEntry, operator: User) -> None:
    entry.lifted_at = timezone.now()
    entry.save(update_fields=["lifted_at"])
    _record(entry, operator, "list.lifted")


@transaction.atomic
def appeal(*, entry: ListEntry, user: User, words: str) -> Appeal:
    """Say something against an entry about one's own wallet; once.

    Raises:
        PermissionDenied: the entry is about another wallet.
        ConflictError: there was an appeal, or the entry holds no more.
    """
    entry = _locked(entry)
    if not Wallet.objects.filter(user=user, address=entry.wallet).exists():
        raise PermissionDenied(_("This entry is not about you."))
    if not entry.in_force or entry.lifted_at is not None:
        raise ConflictError("not_listed", _("This entry holds no more: there is nothing to appeal against."))
    if Appeal.objects.filter(entry=entry).exists():
        raise ConflictError("appealed", _("You have appealed against this entry already; once is all."))
    made = Appeal.objects.create(entry=entry, user=user, words=_needed(words, "words", MOST_WORDS))
    _record(entry, user, "appeal.made")
    for operator in _deciders(entry):
        notify(user=operator, kind="appeal_waits", key=str(made.pk), url=_desk(made))
    return made


@transaction.atomic
def decide_appeal(*, appeal: Appeal, operator: User, grant: bool, answer: str) -> Appeal:
    """Answer an appeal, with words that the person reads. For an entry that holds for all two must agree.

    Raises:
        PermissionDenied: it is not the operator's list.
        ConflictError: it was answered, or the second answer comes from the same person.
    """
    appeal = Appeal.objects.select_for_update(of=("self",)).select_related("entry", "user").get(pk=appeal.pk)
    _may_keep(operator, appeal.entry.merchant)
    if appeal.state != Appeal.State.OPEN:
        raise ConflictError("answered", _("This appeal was answered already."))
    state = Appeal.State.GRANTED if grant else Appeal.State.REFUSED
    words = _needed(answer, "answer", MOST_WORDS)
    if appeal.entry.merchant is None and not _is_second(appeal, operator, state):
        appeal.first_by, appeal.first_state, appeal.answer = operator, state, words
        appeal.save()
        _record(appeal.entry, operator, "appeal.first_answer", outcome=state)
        return appeal
    if grant:
        _lift(appeal.entry, operator)
    _close(appeal, operator, state, words)
    return appeal


def _is_second(appeal: Appeal, operator: User, state: str) -> bool:
    return bool(appeal.first_by_id) and appeal.first_by_id != operator.pk and appeal.first_state == state


def _close(appeal: Appeal, operator: User, state: str, answer: str) -> None:
    appeal.state, appeal.answer, appeal.decided_by, appeal.decided_at = (
        state,
        answer,
        operator,
        timezone.now(),
    )
    appeal.save()
    _record(appeal.entry, operator, "appeal.answered", outcome=str(state))
    notify(user=appeal.user, kind="appeal_answered", key=str(appeal.pk), url=reverse("web:lists"))


def _locked(entry: ListEntry) -> ListEntry:
    return ListEntry.objects.select_for_update(of=("self",)).select_related("merchant").get(pk=entry.pk)


def _needed(text: str, field: str, most: int) -> str:
    if not text.strip():
        problem = _("Say it in words: the person will read them.")
        raise RefusedError("reason_needed", problem, {field: [_("Needed.")]})
    return text.strip()[:most]


def _record(entry: ListEntry, actor: User, action: str, **detail: object) -> None:
    person = User.objects.filter(wallet__address=entry.wallet).first()
    record(actor=actor, action=action, subject=f"list entry {entry.pk}", person=person, **detail)


def _tell_listed(entry: ListEntry) -> None:
    person = User.objects.filter(wallet__address=entry.wallet).first()
    if person is not None:
        by = entry.merchant.name if entry.merchant else "Wattnote"
        notify(user=person, kind="listed", key=str(entry.pk), url=reverse("web:lists"), by=by)


def _deciders(entry: ListEntry) -> list[User]:
    people = User.objects.filter(is_active=True, is_staff=True)
    chosen = people.filter(merchants=entry.merchant) if entry.merchant else people.filter(is_superuser=True)
    return list(chosen)


def _desk(made: Appeal) -> str:
    return reverse("admin:credit_appeal_change", args=[made.pk])


def forget_listed(*, user: User, **_context: object) -> None:
    """Drop what the lists say of a person in words; that a wallet is listed stays, and names nobody."""
    wallets = Wallet.objects.filter(user=user).values("address")
    ListEntry.objects.filter(wallet__in=wallets).update(reason=ERASED)
    Appeal.objects.filter(user=user).delete()
