"""Examples for what has none of its own: made from the schemas, with values as the market has them.

A view's own `OpenApiExample` goes first. A name below is used only where its value fits the property's schema.
"""

import re
from typing import Any

Schema = dict[str, Any]
HASH = "0x654ab3d9d2ec44b99d24d0cfa10ea910fb1be454ba924ea7180346bbf1a5b08b"
ADDRESS = "0x5b38da6a701c568545dcfcb03fcb875f56beddc4"
SIGNATURE = "0x" + "4d" * 32 + "2a" * 32 + "1b"
SLOT, NOW = 1_789_998_300, 1_789_990_000
DEEPEST = 8
NAMED: dict[str, Any] = {
    "agreed_at": NOW,
    "balance_mine": "24625000",
    "balance_theirs": "25375000",
    "amount": "375000",
    "at": NOW,
    "attribution": "",
    "available": "143000000",
    "balance": "25000000",
    "begins": "wnp_3kQz",
    "birth_date": "1985-06-01",
    "block": 4711,
    "city": "Berlin",
    "code": "",
    "collateral": "15000000",
    "count": 1,
    "country": "DE",
    "credit_limit": "150000000",
    "days": 90,
    "detail": {},
    "display_name": "Blue house",
    "email": "erika@example.org",
    "energy_to_me": 1500,
    "energy_to_them": 0,
    "agreed_to_me": 1500,
    "agreed_to_them": 0,
    "events": ["*"],
    "expiry": SLOT + 86_400,
    "failure": "",
    "filename": "statement.pdf",
    "index": 0,
    "kind": "deposit",
    "label": "My script",
    "legal_name": "Erika Musterfrau",
    "limit": "150000000",
    "message": "wattnote.example wants you to sign in with your Ethereum account: ...",
    "meter_number": "1EMH0012345678",
    "monthly_income": "3000000000",
    "monthly_outgoings": "1800000000",
    "name": "Stadtwerke",
    "next": None,
    "open": [SLOT, SLOT + 10_800],
    "outstanding": "7000000",
    "owner": "u-5f2c9a417be03d88",
    "postcode": "10115",
    "previous": None,
    "price_mean": "250000",
    "price_per_kwh": "250000",
    "quantity_wh": 1500,
    "requested_limit": "150000000",
    "secret": "wnp_3kQzL0vV5wqC8mF7rT2xY9bN4dH6jS1aE0uG3iK5oPs",
    "slot_end": SLOT + 900,
    "slot_seconds": 900,
    "slot_start": SLOT,
    "slug": "blue-house",
    "speed": 1.0,
    "street": "Hauptstraße 1",
    "symbol": "tEUR",
    "url": "https://program.example/hooks",
    "zone": "Europe/Berlin",
}
ENDINGS: tuple[tuple[str, Any], ...] = (
    ("_at", NOW),
    ("_until", SLOT + 86_400),
    ("_by", SLOT),
    ("_deadline", SLOT),
    ("_start", SLOT),
    ("_end", SLOT + 900),
    ("_wh", 1500),
    ("_per_kwh", "250000"),
    ("Start", str(SLOT)),
    ("End", str(SLOT + 900)),
    ("Wh", "1500"),
)
NAMED |= dict.fromkeys(
    (
        "id",
        "scid",
        "sid",
        "channel",
        "trade",
        "serial",
        "note",
        "note_a",
        "note_b",
        "trades_root",
        "transaction",
        "meter",
    ),
    HASH,
)
NAMED |= dict.fromkeys(
    ("address", "holder", "msc", "source", "source_a", "source_b", "to", "wallet", "registry"), ADDRESS
)
NAMED |= dict.fromkeys(("signature", "signature_a", "signature_b"), SIGNATURE)
TEXTS = {
    "uuid": "5f1d0f0e-7c39-4a51-9a3e-3d1c5f7b2a10",
    "email": "erika@example.org",
    "date": "2026-06-21",
    "date-time": "2026-06-21T12:00:00Z",
    "uri": "https://program.example/hooks",
    "binary": "",
}
PATTERNED = (HASH, ADDRESS, SIGNATURE, "375000", "blue-house", "0", "a")


class Examples:
    """Makes them for one description."""

    def __init__(self, schemas: dict[str, Schema]) -> None:
        self._schemas = schemas

    def resolved(self, schema: Schema) -> Schema:
        """Without a reference, and with what several parts say taken together."""
        if "$ref" in schema:
            return self.resolved(self._schemas[schema["$ref"].rsplit("/", 1)[1]])
        if "allOf" in schema:
            whole: Schema = {key: value for key, value in schema.items() if key != "allOf"}
            for part in schema["allOf"]:
                whole = {**self.resolved(part), **whole}
            return whole
        for key in ("oneOf", "anyOf"):
            if key in schema:
                return self.resolved(schema[key][0])
        return schema

    def of(self, schema: Schema, name: str = "", depth: int = 0) -> Any:
        """A value that the schema takes; `name` is the property's."""
        schema = self.resolved(schema)
        for value in self._guesses(name):
            if self._fits(value, schema):
                return value
        if "example" in schema:
            return schema["example"]
        if "enum" in schema:
            return next(value for value in schema["enum"] if value not in ("", None))
        if schema.get("nullable") and depth > DEEPEST:
            return None
        return self._by_type(schema, name, depth)

    @staticmethod
    def _guesses(name: str) -> list[Any]:
        found = [NAMED[name]] if name in NAMED else []
        return found + [value for ending, value in ENDINGS if name.endswith(ending)]

    def _fits(self, value: Any, schema: Schema) -> bool:
        kinds = {
            "string": str,
            "integer": int,
            "number": (int, float),
            "boolean": bool,
            "array": list,
            "object": dict,
        }
        if value is None:
            return bool(schema.get("nullable"))
        kind = kinds.get(schema.get("type", ""))
        if kind is None or not isinstance(value, kind) or "enum" in schema or "properties" in schema:  # type: ignore[arg-type]  # a table of classes
            return False
        if isinstance(value, str):
            return _text_fits(value, schema)
        if isinstance(value, list):
            return all(self._fits(item, self.resolved(schema.get("items", {}))) for item in value)
        return not isinstance(value, int) or schema.get("minimum", value) <= value <= schema.get(
            "maximum", value
        )

    def _by_type(self, schema: Schema, name: str, depth: int) -> Any:
        kind = schema.get("type", "object")
        if kind == "object":
            inner = schema.get("properties", {})
            return {key: self.of(part, key, depth + 1) for key, part in inner.items()}
        if kind == "array":
            single = name.removesuffix("s")
            return [] if depth > DEEPEST else [self.of(schema.get("items", {}), single, depth + 1)]
        if kind in ("integer", "number"):
            return min(max(schema.get("minimum", 1), 1), schema.get("maximum", 1))
        return True if kind == "boolean" else _text(schema, name)


def _text_fits(value: str, schema: Schema) -> bool:
    if schema.get("format") in TEXTS and schema["format"] not in ("email", "uri"):
        return False
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        return False
    return re.search(schema.get("pattern", "").replace(r"\Z", "$"), value) is not None


def _text(schema: Schema, name: str) -> str:
    if schema.get("format") in TEXTS:
        return TEXTS[schema["format"]]
    tries = (*PATTERNED, name) if "pattern" in schema else (name.replace("_", " "), "text", *PATTERNED)
    return next((value for value in tries if _text_fits(value, schema)), "")


def give_examples(result: Schema, **_context: Any) -> Schema:
    """A postprocessing hook: each body that has no example gets one."""
    made = Examples(result.get("components", {}).get("schemas", {}))
    for path in result["paths"].values():
        for operation in path.values():
            bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
            for body in bodies:
                for content in body.get("content", {}).values():
                    _give(content, made)
    return result


def _give(content: Schema, made: Examples) -> None:
    schema = content.get("schema")
    if schema and "example" not in content and "examples" not in content and schema.get("format") != "binary":
        content["example"] = made.of(schema)
