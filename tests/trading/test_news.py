"""What channels ask of people becomes notices: told once, to the right side, and done with when it was answered."""

import json
from typing import Any

import pytest
from django.db.models import F

from channels_engine.store.models import Channel, Contract, Endpoint, LogEntry, Sender
from marketplace.accounts.models import User
from marketplace.notifications.models import Notice
from marketplace.notifications.wording import register_names, words_of
from marketplace.trading.models import Prosumer
from marketplace.trading.news import AT_ONCE, names_of, tell_news

pytestmark = pytest.mark.django_db
CHANNEL, TALK = "0x" + "ab" * 32, "0x" + "cd" * 32
HOME = "h-7"


@pytest.fixture
def people() -> tuple[User, User]:
    """A (side A) and B, each with a pseudonym; both rows of their channel, and their conversation."""
    pair = User.objects.create_user("a@example.org"), User.objects.create_user("b@example.org")
    for user, name in zip(pair, ("Alder", "Birch"), strict=True):
        Prosumer.objects.create(owner=user.owner, slug=name.lower(), display_name=name, user=user)
    _channel(CHANNEL, pair[0].owner, pair[1].owner)
    Contract.objects.create(
        conversation=TALK, number=900, owner_a=pair[0].owner, owner_b=pair[1].owner, phase="proposed",
        seq=1, blob=b"", updated_at=1,
    )  # fmt: skip
    tell_news()
    register_names(names_of)
    return pair


def _channel(channel: str, owner_a: str, owner_b: str) -> Channel:
    row = Channel.objects.create(
        channel=channel, version=0, seq=0, staged_seq=0, staged=0, moving=b"", updated_at=1
    )
    for side, (owner, peer) in enumerate([(owner_a, owner_b), (owner_b, owner_a)]):
        Endpoint.objects.create(
            channel=channel, side=side, owner=owner, peer=peer, scid=TALK, phase="open", fixed=b""
        )
    return row


def _say(sender: Sender, kind: str, body: dict[str, Any] | None = None, log: int | None = None) -> None:
    number = log or Channel.objects.get(channel=CHANNEL).number
    seq = LogEntry.objects.filter(log=number).count() + 1
    LogEntry.objects.create(
        log=number,
        seq=seq,
        sender=sender,
        message_id=f"{seq}",
        type=kind,
        body=json.dumps(body or {}),
        at=seq,
    )


def _told(user: User) -> list[tuple[str, bool]]:
    return [(row.kind, row.read_at is None) for row in Notice.objects.filter(user=user).order_by("pk")]


def test_an_offer_waits_until_it_is_answered(people: tuple[User, User]) -> None:
    a, b = people
    _say(Sender.A, "offer", {"offer": {"validUntil": "1800000000"}})
    assert tell_news() == 1
    assert (_told(a), _told(b)) == ([], [("offer_waits", True)])
    notice = Notice.objects.get()
    words = words_of(notice)
    assert words.title == "Alder made you an offer"
    assert "2027" in words.text
    assert "UTC+00:00" in words.text
    assert notice.url == "/partners/alder/"
    assert "Alder" not in json.dumps(notice.details)
    _say(Sender.B, "update.request")
    tell_news()
    assert (_told(a), _told(b)) == ([("offer_accepted", True)], [("offer_waits", False)])
    assert tell_news() == 0


def test_numbers_that_nobody_got_are_no_news(people: tuple[User, User]) -> None:
    _say(Sender.A, "offer", {"offer": {"validUntil": "1800000000"}})
    LogEntry.objects.update(id=3 * AT_ONCE + F("id"))  # as after transactions that failed
    assert tell_news() == 1
    assert _told(people[1]) == [("offer_waits", True)]


def test_both_sides_hear_of_the_ledger_and_one_of_the_other(people: tuple[User, User]) -> None:
    a, b = people
    _say(Sender.A, "close.request")
    _say(Sender.LEDGER, "ledger.disputed", {"deadline": "1800000000", "version": "2"})
    _say(Sender.LEDGER, "ledger.resolved", {"deadline": "0", "version": "3"})
    _say(Sender.LEDGER, "ledger.finalised")
    tell_news()
    ledger = [("channel_disputed", True), ("dispute_answered", True), ("channel_closed", True)]
    assert (_told(a), _told(b)) == (ledger, [("closing_asked", True), *ledger])
    assert Notice.objects.filter(kind="channel_disputed").first().url == f"/channels/{CHANNEL}/"  # type: ignore[union-attr]  # it is there


def test_terms_between_people_and_homes_that_see_to_themselves(people: tuple[User, User]) -> None:
    a, b = people
    _say(Sender.A, "esc.propose", log=900)
    _say(Sender.B, "esc.accept", log=900)
    number = _channel("0x" + "ef" * 32, HOME, a.owner).number
    _say(Sender.B, "offer", {"offer": {"validUntil": "1"}}, log=number)
    tell_news()
    assert (_told(a), _told(b)) == ([("terms_accepted", True)], [("terms_proposed", True)])


def test_who_left_is_named_nowhere(people: tuple[User, User]) -> None:
    a, _ = people
    _say(Sender.LEDGER, "ledger.opened")
    tell_news()
    Prosumer.objects.filter(slug="birch").delete()
    assert words_of(Notice.objects.get(user=a)).title == "Your channel with Somebody who left is open"
