"""Notices are told once, and a kind's words get their details."""

import pytest

from marketplace.accounts.models import User
from marketplace.notifications.models import Notice
from marketplace.notifications.services import notify

pytestmark = pytest.mark.django_db


@pytest.fixture
def person() -> User:
    return User.objects.create_user("reader@example.org")


def test_the_same_key_is_told_once(person: User) -> None:
    first = notify(user=person, kind="application_decided", key="7", merchant="Stadtwerk")
    assert first is not None
    assert notify(user=person, kind="application_decided", key="7", merchant="Stadtwerk") is None
    assert Notice.objects.count() == 1


def test_words_without_their_details_are_refused(person: User) -> None:
    with pytest.raises(KeyError, match="merchant"):
        notify(user=person, kind="application_question", key="7")
