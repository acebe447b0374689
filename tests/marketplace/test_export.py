"""The export holds what the site keeps, in words that a program reads, and the documents themselves."""

import io
import json
import zipfile
from collections.abc import Callable

import pytest
from people import Person, Shop

from marketplace.accounts import export
from marketplace.accounts.models import Document
from marketplace.credit.models import CreditApplication

pytestmark = pytest.mark.django_db


def test_an_export_is_whole(
    person: Person, shop: Shop, apply: Callable[[Person, Shop], CreditApplication]
) -> None:
    application = apply(person, shop)
    packed = zipfile.ZipFile(io.BytesIO(export.archive(person.user)))
    topics = {name: json.loads(packed.read(name)) for name in packed.namelist() if name.endswith(".json")}
    assert {f"data/{name}.json" for name in export.COLLECTORS} == set(topics)
    assert topics["data/profile.json"]["legal_name"] == "Erika Musterfrau"
    assert topics["data/account.json"]["email"] == person.user.email
    assert topics["data/applications.json"][0]["id"] == str(application.pk)
    assert topics["data/applications.json"][0]["monthly_income"] == "3000000000"
    assert [event["action"] for event in topics["data/record.json"]] == ["application.submitted"]
    files = [name for name in packed.namelist() if name.startswith("documents/")]
    assert len(files) == Document.objects.filter(user=person.user).count() == 2
    assert all(packed.read(name).startswith(b"\x89PNG") for name in files)


def test_an_export_holds_nobody_else(make_person: Callable[..., Person]) -> None:
    one, two = make_person(), make_person()
    text = json.dumps(export.collected(one.user), default=str)
    assert one.user.owner in text
    assert two.user.owner not in text
    assert two.user.email not in text
