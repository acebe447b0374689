"""Every example of docs/messages.md is a frame that the code takes, or one that it makes."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from channels_engine import frames
from channels_engine.codec import ShapeError, json_form
from channels_engine.core.messages import BODY_BY_TYPE
from channels_engine.core.state import Endpoint
from channels_engine.relay import LEDGER_INPUTS

PAGE = (Path(__file__).parents[2] / "docs" / "messages.md").read_text(encoding="utf-8")
EXAMPLES: list[dict[str, Any]] = [
    json.loads(text) for text in re.findall(r"```json\n(.*?)\n```", PAGE, re.DOTALL)
]
RELAY_KINDS = {"hello", "message", "accepted", "refused", "state", "channels"}


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [example for example in EXAMPLES if example["kind"] == kind]


@pytest.mark.parametrize("kind", sorted({example["type"] for example in of_kind("send")}))
def test_messages_decode(kind: str) -> None:
    for example in [e for e in of_kind("send") if e["type"] == kind]:
        frame = frames.decode_frame(json.dumps(example))
        assert isinstance(frame, frames.Send)
        message = frames.decode_message(frame)
        assert json.loads(message.text) == example["body"]


def test_every_message_has_its_example() -> None:
    shown = {example["type"] for example in of_kind("send")} | {
        example["type"] for example in of_kind("message")
    }
    assert shown == set(BODY_BY_TYPE) | {"timer.elapsed"} | set(LEDGER_INPUTS)


def test_other_client_frames_decode() -> None:
    for example in [
        e for e in EXAMPLES if e["kind"] not in RELAY_KINDS | {"send"} or e.keys() == {"kind", "channel"}
    ]:
        frames.decode_frame(json.dumps(example))


def test_ledger_entries_decode() -> None:
    for example in of_kind("message"):
        kind = LEDGER_INPUTS.get(example["type"])
        if kind is not None:
            json_form(kind).decode(json.dumps(example["body"]))


def test_the_state_frame_is_complete() -> None:
    (example,) = [e for e in of_kind("state") if "phase" in e]
    names = {field.name: field.encode_name for field in msgspec.structs.fields(json_form(Endpoint).mirror)}
    expected = {names[name] for name in frames.STATE_FIELDS}
    assert set(example) == expected | {"kind", "channel", "side", "owner", "peer", "seq", "phase"}
    for name in ("terms", "opening", "current", "staged"):
        assert example[name]


def test_shapes_are_refused_with_the_field_named() -> None:
    body = of_kind("send")[0]["body"]
    with pytest.raises(ShapeError, match="offer"):
        json_form(BODY_BY_TYPE["withdraw"]).decode(json.dumps(body | {"offer": "0x12"}))
