"""Black and grey lists: who keeps them, that the listed read why, and that they are heard."""

from collections.abc import Callable

import pytest
from django.core.exceptions import PermissionDenied
from people import Person, Shop

from marketplace.accounts.erasure import erase_person
from marketplace.accounts.errors import ConflictError, RefusedError
from marketplace.accounts.models import AuditEvent, User
from marketplace.credit import lists
from marketplace.credit.models import Appeal, ListEntry
from marketplace.credit.selectors import own_entries, shade_of
from marketplace.notifications.models import Notice

pytestmark = pytest.mark.django_db


@pytest.fixture
def roots(db: None) -> tuple[User, User]:
    first, second = (
        User.objects.create_superuser(f"root{i}@example.org", "long enough password") for i in (1, 2)
    )
    return first, second


def entry_of(person: Person, operator: User, shop: Shop | None) -> ListEntry:
    merchant = shop.merchant if shop else None
    wallet = person.user.wallet.address
    words = {"shade": "black", "reason": "Owed 12.00 since May."}
    return lists.list_wallet(operator=operator, merchant=merchant, wallet=wallet.upper(), **words)


def shade(person: Person, shop: Shop) -> str:
    return shade_of(wallet=person.user.wallet.address, merchant=shop.merchant)


def test_the_listed_read_why_appeal_once_and_are_answered(
    person: Person, make_person: Callable[..., Person], shop: Shop
) -> None:
    entry = entry_of(person, shop.operator, shop)
    assert shade(person, shop) == "black"
    assert [one.reason for one in own_entries(person.user)] == ["Owed 12.00 since May."]
    assert Notice.objects.get(user=person.user).kind == "listed"
    with pytest.raises(PermissionDenied):
        lists.appeal(entry=entry, user=make_person().user, words="Not mine")
    with pytest.raises(RefusedError, match="words"):
        lists.appeal(entry=entry, user=person.user, words="  ")
    appeal = lists.appeal(entry=entry, user=person.user, words="I paid on 3 June.")
    with pytest.raises(ConflictError, match="once"):
        lists.appeal(entry=entry, user=person.user, words="And again")
    assert Notice.objects.get(user=shop.operator).kind == "appeal_waits"
    lists.decide_appeal(appeal=appeal, operator=shop.operator, grant=True, answer="You did: sorry.")
    assert shade(person, shop) == ""
    with pytest.raises(ConflictError, match="already"):
        lists.decide_appeal(appeal=appeal, operator=shop.operator, grant=False, answer="No")
    assert set(Notice.objects.filter(user=person.user).values_list("kind", flat=True)) == {
        "listed",
        "appeal_answered",
    }
    actions = list(AuditEvent.objects.filter(person=person.user).values_list("action", flat=True))
    assert actions[:4] == ["appeal.answered", "list.lifted", "appeal.made", "list.added"]


def test_a_refusal_leaves_the_entry(person: Person, shop: Shop) -> None:
    entry = entry_of(person, shop.operator, shop)
    appeal = lists.appeal(entry=entry, user=person.user, words="I paid.")
    with pytest.raises(RefusedError, match="words"):
        lists.decide_appeal(appeal=appeal, operator=shop.operator, grant=False, answer=" ")
    lists.decide_appeal(appeal=appeal, operator=shop.operator, grant=False, answer="Not on our account.")
    assert shade(person, shop) == "black"
    lists.lift_entry(entry=entry, operator=shop.operator)
    lists.lift_entry(entry=entry, operator=shop.operator)
    assert shade(person, shop) == ""
    with pytest.raises(ConflictError, match="no more"):
        lists.appeal(entry=entry, user=person.user, words="Late")


def test_others_keep_their_hands_off(person: Person, shop: Shop, make_shop: Callable[[str], Shop]) -> None:
    entry, rival = entry_of(person, shop.operator, shop), make_shop("rival")
    appeal = lists.appeal(entry=entry, user=person.user, words="I paid.")
    root = User.objects.create_superuser("root@example.org", "long enough password")
    for actor in (rival.operator, person.user, root):
        for verb in (
            lambda actor=actor: lists.lift_entry(entry=entry, operator=actor),
            lambda actor=actor: lists.decide_appeal(appeal=appeal, operator=actor, grant=True, answer="x"),
            lambda actor=actor: entry_of(person, actor, shop),
        ):
            with pytest.raises(PermissionDenied):
                verb()
    with pytest.raises(PermissionDenied):
        entry_of(person, shop.operator, None)


def test_what_holds_for_all_takes_two(person: Person, shop: Shop, roots: tuple[User, User]) -> None:
    first, second = roots
    entry = entry_of(person, first, None)
    assert shade(person, shop) == ""
    assert not own_entries(person.user)
    with pytest.raises(ConflictError, match="no more"):
        lists.appeal(entry=entry, user=person.user, words="Too early")
    with pytest.raises(ConflictError, match="Somebody else"):
        lists.confirm_entry(entry=entry, operator=first)
    lists.confirm_entry(entry=entry, operator=second)
    with pytest.raises(ConflictError, match="second person"):
        lists.confirm_entry(entry=entry, operator=second)
    assert shade(person, shop) == "black"
    appeal = lists.appeal(entry=entry, user=person.user, words="Wrong person.")
    for operator, grant in ((first, True), (first, True), (second, False), (second, False)):
        lists.decide_appeal(appeal=appeal, operator=operator, grant=grant, answer="Let me see.")
        appeal.refresh_from_db()
        assert (appeal.state, shade(person, shop)) == ("open", "black")
    lists.decide_appeal(appeal=appeal, operator=first, grant=False, answer="It was you.")
    appeal.refresh_from_db()
    assert (appeal.state, appeal.answer, appeal.decided_by) == ("refused", "It was you.", first)


def test_erasure_takes_the_words_along(person: Person, shop: Shop) -> None:
    entry = entry_of(person, shop.operator, shop)
    lists.appeal(entry=entry, user=person.user, words="I paid.")
    erase_person(user=person.user, actor=person.user)
    entry.refresh_from_db()
    assert (entry.reason, entry.shade) == ("(erased)", "black")
    assert not Appeal.objects.exists()
