"""The AsyncAPI 3.0 document of the websocket, written from the relay's side as the standard wants it."""

from typing import Any

from channels_engine.core.messages import BODY_BY_TYPE
from channels_engine.frames import MACHINE_ONLY
from channels_engine.published.examples import examples
from channels_engine.published.structures import bodies, client_names, definitions, relay_names

CHANNEL = "relay"
_SCHEMAS = "#/components/schemas/"
_DESCRIPTION = (
    "One websocket for all of a participant's channels; one JSON object a text frame, at most 65,536 bytes. "
    "docs/messages.md explains the frames, docs/protocol.md what is signed, docs/clients.md where to begin. "
    "What a schema can't say: integers are below 2**63, and signatures are EIP-712 (eip712.json)."
)


def document() -> dict[str, Any]:
    """The file `asyncapi.json`."""
    shown, names = examples(), [*client_names(), *relay_names()]
    schemas = definitions(_SCHEMAS)
    return {
        "asyncapi": "3.0.0",
        "info": _info(),
        "defaultContentType": "application/json",
        "servers": {"site": _server()},
        "channels": {CHANNEL: _channel(names)},
        "operations": _operations(),
        "components": {
            "securitySchemes": {"session": _session(), "token": _token()},
            "messages": {name: _message(name, schemas, shown[name]) for name in names},
            "schemas": dict(sorted(schemas.items())),
        },
    }


def _info() -> dict[str, Any]:
    return {
        "title": "Wattnote's websocket",
        "version": "1",
        "description": _DESCRIPTION,
        "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
    }


def _server() -> dict[str, Any]:
    return {
        "host": "{host}",
        "protocol": "ws",
        "description": "`wss` wherever the site has HTTPS.",
        "variables": {"host": {"default": "127.0.0.1:8000", "description": "Host and port of the site."}},
        "security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in ("session", "token")],
    }


def _session() -> dict[str, str]:
    return {
        "type": "httpApiKey",
        "in": "cookie",
        "name": "sessionid",
        "description": "The session of the site; without it the socket is closed with 4401.",
    }


def _token() -> dict[str, str]:
    return {
        "type": "http",
        "scheme": "bearer",
        "description": "A person's token with the scope `trade:read`, to send messages `trade:write`. Without the first "
        "the socket is closed with 4403; with 4401 where the token opens nothing, or no more.",
    }


def _channel(names: list[str]) -> dict[str, Any]:
    return {
        "address": "/ws/channels/",
        "description": "All frames of one participant. A handshake with cookies needs an `Origin` header that names "
        "the site.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
    }


def _messages(names: list[str]) -> list[dict[str, str]]:
    return [{"$ref": f"#/channels/{CHANNEL}/messages/{name}"} for name in names]


def _operation(action: str, summary: str, names: list[str], answers: tuple[str, ...] = ()) -> dict[str, Any]:
    channel = {"$ref": f"#/channels/{CHANNEL}"}
    operation = {"action": action, "channel": channel, "summary": summary, "messages": _messages(names)}
    if answers:
        operation["reply"] = {"channel": channel, "messages": _messages(list(answers))}
    return operation


def _operations() -> dict[str, Any]:
    """What a client may do, then what it must expect."""
    sends = [name for name in client_names() if name.startswith("send.")]
    entries = [name for name in relay_names() if name.startswith("message.")]
    answered = ("accepted", "refused")
    states = ("state", "contract", "refused")
    return {
        "say": _operation("receive", "A client sends a message of a channel.", sends, answered),
        "resume": _operation("receive", "A client asks for a log again.", ["resume"]),
        "acknowledge": _operation("receive", "A client says how many frames it has.", ["ack"]),
        "askState": _operation("receive", "A client asks for one view.", ["ask.state"], states),
        "askList": _operation("receive", "A client asks what it has.", ["ask.list"], ("channels",)),
        "greet": _operation("send", "The relay greets, once.", ["hello"]),
        "deliver": _operation("send", "The relay delivers entries of logs, in order.", entries),
        "show": _operation("send", "The relay shows what was asked for.", ["state", "contract"]),
    }


def _message(name: str, schemas: dict[str, Any], example: dict[str, Any]) -> dict[str, Any]:
    schema = schemas[name]
    kind = name.partition(".")[2]
    body = (
        schemas[schema["properties"]["body"]["$ref"].removeprefix(_SCHEMAS)] if kind in bodies() else schema
    )
    summary = str(body.get("description", "")).partition("\n\n")[0].replace("\n", " ")
    if name == f"message.{kind}" and kind in MACHINE_ONLY & BODY_BY_TYPE.keys():
        summary += " Only machines send it."
    return {
        "name": name,
        "title": schema["title"],
        "summary": summary,
        "payload": {"$ref": _SCHEMAS + name},
        "examples": [{"name": "example", "payload": example}],
    }
