"""Grey and black lists of pairs, out of the ledger's dispute events; shown where partners are picked."""

from collections.abc import Callable
from itertools import count

import pytest
from django.test import Client
from django.urls import reverse
from people import Person
from pytest_django import DjangoAssertNumQueries

from channels_engine.agreements import Agreement as Conversation
from channels_engine.agreements import AgreementPhase
from channels_engine.core import types
from channels_engine.store import conversations
from channels_engine.store.models import LedgerEvent
from marketplace.trading.models import Prosumer
from marketplace.trading.services import ensure_prosumer
from marketplace.trading.standings import BLACK, CLEAN, GREY, Standing, standing_with, standings

pytestmark = pytest.mark.django_db
MakePerson = Callable[..., Person]
numbers = count(1)


def pair(one: Person, other: Person, *, limit: int = 4) -> str:
    """An entity contract between two people; gives its scid."""
    number = next(numbers)
    nonce = number.to_bytes(32, "big")
    terms = types.EntityContract(b"\x02" * 20, b"\x03" * 20, b"\x04" * 20, 60, limit, 0, nonce)
    made = Conversation(nonce, (one.user.owner, other.user.owner), AgreementPhase.AGREED, terms)
    conversations.save([made], {nonce: number}, 1)
    scid = made.scid
    assert scid is not None
    return "0x" + scid.hex()


def event(scid: str, name: str, channel: str = "0x01", **arguments: object) -> None:
    number = next(numbers)
    LedgerEvent.objects.create(
        channel=channel,
        scid=scid,
        name=name,
        block_number=number,
        block_hash="0x",
        transaction_hash=f"0x{number:064x}",
        log_index=0,
        arguments=arguments,
    )


def disputed(scid: str, times: int = 1) -> None:
    for _ in range(times):
        event(scid, "ChannelDisputed", disputer="1")


@pytest.mark.parametrize(
    ("raised", "limit", "shade"),
    [
        (0, 4, ""),
        (1, 4, ""),
        (2, 4, GREY),
        (3, 4, GREY),
        (4, 4, BLACK),
        (5, 4, BLACK),
        (1, 3, ""),
        (2, 3, GREY),
        (1, 2, GREY),
        (1, 1, BLACK),
        (0, 1, ""),
        (3, 0, ""),
    ],
)
def test_grey_from_half_of_the_limit_and_black_at_it(raised: int, limit: int, shade: str) -> None:
    standing = Standing(raised=raised, limit=limit)
    assert standing.shade == shade
    assert bool(standing.in_words) is bool(shade)


def test_counts_are_the_ledgers(make_person: MakePerson) -> None:
    me, other = make_person(), make_person()
    scid = pair(me, other)
    assert standing_with(me.user, other.user.owner) == Standing(limit=4)
    disputed(scid)
    event(scid, "DisputeResolved", stale=True)
    disputed(scid)
    event(scid, "DisputeFinalised")
    event(scid, "ChannelDisputed", channel="0x02", disputer="0")  # after an expiry: nobody's
    event(scid, "DisputeFinalised", channel="0x02")
    expected = Standing(raised=2, resolved=1, failed=1, stale=1, limit=4)
    assert standing_with(me.user, other.user.owner) == expected
    assert standing_with(other.user, me.user.owner) == expected
    assert expected.shade == GREY


def test_others_disputes_are_not_mine(make_person: MakePerson) -> None:
    me, partner, third = make_person(), make_person(), make_person()
    pair(me, partner)
    disputed(pair(partner, third), 4)
    assert standing_with(me.user, partner.user.owner).shade == ""
    assert standing_with(me.user, third.user.owner) == CLEAN
    assert standing_with(third.user, partner.user.owner).shade == BLACK


def test_the_darkest_of_several_contracts_counts(make_person: MakePerson) -> None:
    me, other = make_person(), make_person()
    pair(me, other)
    disputed(pair(other, me), 4)
    disputed(pair(me, other), 1)
    assert standing_with(me.user, other.user.owner).shade == BLACK


def test_as_many_queries_for_many_partners_as_for_one(
    make_person: MakePerson, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    me, others = make_person(), [make_person(complete=False) for _ in range(5)]
    for other in others:
        disputed(pair(me, other), 2)
    with django_assert_max_num_queries(3):
        found = standings(me.user, [other.user.owner for other in others])
    assert [found[other.user.owner].shade for other in others] == [GREY] * 5


@pytest.mark.parametrize(
    ("times", "label", "words"), [(4, "Black list", "no further"), (2, "Grey list", "2 of")]
)
def test_pages_and_api_say_it_before_a_channel_is_asked_for(
    make_person: MakePerson, times: int, label: str, words: str
) -> None:
    me, other, third = make_person(), make_person(), make_person()
    disputed(pair(me, other), times)
    partner = ensure_prosumer(user=other.user)
    ensure_prosumer(user=third.user)
    browser = Client()
    browser.force_login(me.user, backend="django.contrib.auth.backends.ModelBackend")
    listed = browser.get(reverse("web:partners")).content.decode()
    assert listed.count(label) == 1
    assert words in browser.get(reverse("web:trade", args=[partner.slug])).content.decode()
    clean = Prosumer.objects.get(owner=third.user.owner)
    assert "disputes" not in browser.get(reverse("web:trade", args=[clean.slug])).content.decode()
    shown = me.client.get(f"/api/v1/prosumers/{partner.slug}/standing/").json()
    assert (shown["shade"], shown["raised"]) == (label.split(maxsplit=1)[0].lower(), times)
    assert words in shown["meaning"]
    elsewhere = third.client.get(f"/api/v1/prosumers/{partner.slug}/standing/").json()
    assert (elsewhere["shade"], elsewhere["raised"], elsewhere["limit"]) == ("", 0, 0)
