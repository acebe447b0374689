"""What another team's client is written from: valid, complete, as the code is, and of one mind with its decoder."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from channels_engine import frames
from channels_engine.codec import json_form
from channels_engine.core.errors import ProtocolError
from channels_engine.core.messages import BODY_BY_TYPE
from channels_engine.core.typed_data import TYPE_STRINGS
from channels_engine.published import asyncapi, eip712, structures
from channels_engine.published.examples import examples
from channels_engine.published.relay_frames import RELAY_FRAMES
from channels_engine.relay import LEDGER_INPUTS
from marketplace.api.published import DOCUMENTS
from tests.protocol_codes import refusals
from tests.system_parts import CLIENT_PACKAGES, require

CLIENT, RELAY = structures.client_names(), structures.relay_names()
SCHEMA = structures.document()
WRONG: list[Any] = [
    *(None, -1, 1.5, 10**30, True, [], {}, "", "-1", "1.0", "1e3", " 1", "+1", "01", "0xZZ", "0X00", "0x"),
    *("\u0661", "9" * 30, "x" * 300, "0x" + "A" * 64, "0x" + "a" * 63),
]


@cache
def validator(name: str) -> Any:
    reference = {"$ref": f"#/definitions/{name}", "definitions": SCHEMA["definitions"]}
    return jsonschema.Draft7Validator(reference)


def is_read(frame: dict[str, Any]) -> bool:
    """Whether the server's decoder takes a client's frame."""
    try:
        read = frames.decode_frame(json.dumps(frame))
        if isinstance(read, frames.Send):
            frames.decode_message(read)
        elif not isinstance(read, frames.Ack | frames.AskList):
            frames.decode_channel(read.channel)
    except ProtocolError:
        return False
    return True


def paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from paths(inner, (*path, key))


def changed(frame: dict[str, Any], path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(frame))
    inner: Any = copy
    for key in path[:-1]:
        inner = inner[key]
    if value is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return copy


def mutations(frame: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in paths(frame):
        yield from (changed(frame, path, wrong) for wrong in WRONG)
        yield changed(frame, path, ...)
        if isinstance(path[-1], str):
            yield changed(frame, (*path[:-1], "surprise"), 1)


def test_the_files_are_what_the_code_makes() -> None:
    call_command("schema", check=True, verbosity=0)


def test_a_stale_file_is_noticed(tmp_path: Path, settings: Any) -> None:
    settings.BASE_DIR = tmp_path
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "messages.md").write_text('```json\n{"kind": "list"}\n```\n')
    with pytest.raises(CommandError, match=r"asyncapi\.json"):
        call_command("schema", check=True)
    call_command("schema")
    call_command("schema", check=True)
    assert json.loads((tmp_path / "docs" / "schema" / "messages.json").read_text()) == SCHEMA


def test_every_message_of_the_code_is_described_and_shown() -> None:
    sent = {f"send.{name}" for name in BODY_BY_TYPE if name not in frames.MACHINE_ONLY}
    logged = {f"message.{name}" for name in [*BODY_BY_TYPE, *LEDGER_INPUTS, structures.TIMER]}
    assert sent <= set(CLIENT)
    assert logged <= set(RELAY)
    assert set(examples()) == {*CLIENT, *RELAY}
    jsonschema.Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", [*CLIENT, *RELAY])
def test_the_schema_takes_the_example(name: str) -> None:
    validator(name).validate(examples()[name])
    validator("ClientFrame" if name in CLIENT else "RelayFrame").validate(examples()[name])


@pytest.mark.parametrize("name", RELAY)
def test_the_code_reads_what_the_relay_is_shown_to_send(name: str) -> None:
    frame = examples()[name]
    known = {str(kind.__struct_config__.tag): kind for kind in (*RELAY_FRAMES, structures.state_frame())}
    if frame["kind"] in known:
        msgspec.convert(frame, known[frame["kind"]])
    elif frame["type"] != structures.TIMER:
        form = json_form({**BODY_BY_TYPE, **LEDGER_INPUTS}[frame["type"]])
        assert json.loads(form.encode(form.decode(json.dumps(frame["body"])))) == frame["body"]


@pytest.mark.parametrize("name", CLIENT)
def test_schema_and_decoder_are_of_one_mind(name: str) -> None:
    """What the schema lets through the server reads, and what it refuses the server refuses."""
    example, schema, refused = examples()[name], validator(name), 0
    assert is_read(example)
    for frame in mutations(example):
        taken = schema.is_valid(frame)
        refused += not taken
        assert taken == is_read(frame), frame
    assert refused > 5


@pytest.mark.parametrize("name", RELAY)
def test_the_schema_refuses_what_the_relay_never_sends(name: str) -> None:
    example, schema = examples()[name], validator(name)
    for path in [path for path in paths(example) if len(path) == 1]:
        for wrong in ([], {}, 1.5, ...):
            if example[path[0]] != wrong and not (name == "channels" and wrong == []):
                assert not schema.is_valid(changed(example, path, wrong)), (path, wrong)
    assert not schema.is_valid({**example, "surprise": 1})


def test_the_asyncapi_document_keeps_the_standards_rules() -> None:
    require("AsyncAPI's rules")
    rules = json.loads((CLIENT_PACKAGES / "@asyncapi" / "specs" / "schemas" / "3.0.0.json").read_text())
    document = asyncapi.document()
    errors = jsonschema.Draft7Validator(rules).iter_errors(document)
    assert [f"{error.json_path}: {error.message[:200]}" for error in errors] == []
    assert jsonschema.Draft7Validator(rules).is_valid({**document, "operations": {"say": {}}}) is False


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from ([value["$ref"]] if isinstance(value.get("$ref"), str) else [])
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


@pytest.mark.parametrize("document", [asyncapi.document(), SCHEMA], ids=["asyncapi", "messages"])
def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    for reference in set(references(document)):
        inner: Any = document
        for key in reference.removeprefix("#/").split("/"):
            inner = inner[key]
        assert inner


def test_the_types_are_those_that_are_hashed() -> None:
    document = eip712.document()
    for kind, text in TYPE_STRINGS.items():
        members = document["types"][kind.__name__]
        shown = ",".join(f"{member['type']} {member['name']}" for member in members)
        assert f"{kind.__name__}({shown})" == text == document["structures"][kind.__name__]["encodeType"]
    assert set(document["types"]) == {"EIP712Domain", *document["structures"]}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_site_serves_them_to_everybody(name: str, db: None) -> None:
    answer = APIClient().get(f"/api/v1/{name}")
    assert answer.status_code == 200
    committed = Path(__file__).parents[2] / "docs" / name
    assert answer.json() == json.loads(committed.read_text())


NOT_ON_THE_WIRE = {"gap", "not_conserved", "recovery_id", "signing"}
"""Of a replica's own log, of the ledger's word, and of signing itself."""


def test_every_refusal_is_explained() -> None:
    page = (Path(__file__).parents[2] / "docs" / "messages.md").read_text().split("<!-- codes:")[1]
    explained = set(re.findall(r"`([a-z_]+)`", "\n".join(re.findall(r"^\| (`[^|]+)", page, re.MULTILINE))))
    assert set(refusals()) - NOT_ON_THE_WIRE == explained
