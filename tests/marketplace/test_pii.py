"""Personal data is sealed at rest, bound to its place, and gone with its key."""

from collections.abc import Callable

import pytest
from django.core.exceptions import FieldError
from django.core.files.storage import default_storage
from django.db import connection, transaction
from people import Person, Shop
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from marketplace.accounts import keyring
from marketplace.accounts.crypto import MasterKeys, SealBrokenError, new_key, open_sealed, seal
from marketplace.accounts.documents import read_document
from marketplace.accounts.erasure import erase_person
from marketplace.accounts.errors import RefusedError
from marketplace.accounts.fields import prefetch_keys
from marketplace.accounts.models import AuditEvent, DataKey, Document, Participant, User
from marketplace.accounts.services import update_profile

pytestmark = pytest.mark.django_db


def _stored(table: str, column: str) -> list[bytes]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {table}")  # noqa: S608  names of the test itself
        return [bytes(row[0]) for row in cursor.fetchall()]


def test_sealing_is_bound_to_key_and_place() -> None:
    key = new_key()
    blob = seal(key, b"secret", aad=b"here")
    assert open_sealed(key, blob, aad=b"here") == b"secret"
    for wrong_key, wrong_blob, place in (
        (new_key(), blob, b"here"),
        (key, blob, b"there"),
        (key, blob[:-1] + bytes([blob[-1] ^ 1]), b"here"),
        (key, b"\x02" + blob[1:], b"here"),
        (key, b"", b"here"),
        (key, b"\x01short", b"here"),
    ):
        with pytest.raises(SealBrokenError):
            open_sealed(wrong_key, wrong_blob, aad=place)


def test_master_keys_rotate() -> None:
    old, new = MasterKeys.from_secrets(["old " * 8]), MasterKeys.from_secrets(["new " * 8, "old " * 8])
    key_id, wrapped = old.wrap(b"k" * 32, user_id=7)
    assert new.unwrap(wrapped, user_id=7, key_id=key_id) == b"k" * 32
    assert new.current != old.current
    with pytest.raises(SealBrokenError):
        new.unwrap(wrapped, user_id=8, key_id=key_id)
    with pytest.raises(SealBrokenError, match="missing"):
        MasterKeys.from_secrets(["new " * 8]).unwrap(wrapped, user_id=7, key_id=key_id)
    with pytest.raises(ValueError, match="16 characters"):
        MasterKeys.from_secrets(["short"])


def test_the_database_holds_no_plain_text(person: Person) -> None:
    rows = b"".join(_stored("accounts_participant", "legal_name") + _stored("accounts_document", "filename"))
    assert b"Erika" not in rows
    assert b"id.png" not in rows
    assert Participant.objects.get(user=person.user).legal_name == "Erika Musterfrau"


def test_unopened_fields_survive_a_save(person: Person) -> None:
    before = _stored("accounts_participant", "legal_name")
    participant = Participant.objects.get(user=person.user)
    participant.display_name = "Other"
    participant.save()
    assert _stored("accounts_participant", "legal_name") == before
    update_profile(user=person.user, changes={"city": ""})
    assert Participant.objects.get(user=person.user).city is None


def test_a_value_moved_to_another_row_does_not_open(make_person: Callable[..., Person]) -> None:
    one, two = make_person(), make_person()
    stolen = _stored("accounts_participant", "legal_name")[0]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE accounts_participant SET legal_name = %s WHERE user_id = %s", [stolen, two.user.pk]
        )
    with pytest.raises(SealBrokenError):
        _ = Participant.objects.get(user=two.user).legal_name
    assert Participant.objects.get(user=one.user).legal_name == "Erika Musterfrau"


def test_sealed_fields_can_be_neither_searched_nor_bulk_set(person: Person) -> None:
    with pytest.raises(FieldError, match="lookup"):
        Participant.objects.filter(legal_name="Erika Musterfrau").exists()
    with pytest.raises(TypeError, match="sealed"), transaction.atomic():
        Participant.objects.update(legal_name="Plain")
    assert Participant.objects.filter(legal_name__isnull=False).count() == 1


def test_keys_of_many_rows_come_in_one_query(
    make_person: Callable[..., Person], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(3):
        make_person()
    rows = list(Participant.objects.all())
    with django_assert_num_queries(1):
        prefetch_keys(rows)
        assert {row.legal_name for row in rows} == {"Erika Musterfrau"}


def test_documents_are_sealed_on_disk_and_views_recorded(person: Person, shop: Shop) -> None:
    document = Document.objects.filter(user=person.user, kind="identity").get()
    plain = read_document(document=document, viewer=person.user)
    assert plain.startswith(b"\x89PNG")
    with default_storage.open(f"documents/{person.user.pk}/{document.pk}") as file:
        assert b"PNG" not in file.read()
    read_document(document=document, viewer=shop.operator)
    own, event = AuditEvent.objects.filter(action="document.viewed").order_by("pk")
    assert own.actor == person.user
    assert (event.actor, event.person, event.subject) == (
        shop.operator,
        person.user,
        f"document {document.pk}",
    )


def test_erasure_destroys_the_key_and_what_names_the_person(
    person: Person, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    document = Document.objects.filter(user=person.user).first()
    email = person.user.email
    with django_capture_on_commit_callbacks(execute=True):
        erase_person(user=person.user, actor=person.user)
    assert not DataKey.objects.filter(user=person.user).exists()
    assert Participant.objects.get(user=person.user).legal_name is None
    assert not Document.objects.filter(user=person.user).exists()
    assert not default_storage.exists(f"documents/{person.user.pk}/{document.pk}")
    user = User.objects.get(pk=person.user.pk)
    assert email not in user.email
    assert not user.is_active
    with pytest.raises(RefusedError, match="erased"):
        read_document(document=document, viewer=user)
    with pytest.raises(keyring.ErasedError):
        update_profile(user=user, changes={"city": "Bonn"})


def test_nothing_in_the_database_names_an_erased_person(person: Person) -> None:
    names = ("Erika", "Musterfrau", "person1@example.org", "Hauptstra", "10115")
    erase_person(user=person.user, actor=person.user)
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table.startswith("django_migrations"):
                continue
            cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608  the database's own names
            text = repr(cursor.fetchall())
            assert not [name for name in names if name in text], table
