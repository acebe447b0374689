"""Tables of a TOML file as structs: every fault of every field at once, with its place and what is allowed there."""

from collections.abc import Sequence
from typing import Any, Literal, get_args, get_origin

import msgspec

HELP = "docs/scenarios.md shows the field's meaning and range"


def read_table(place: str, raw: object, kind: Any) -> tuple[Any, list[str]]:
    """(value, faults) of a table `[place]`, or of an array of tables where `kind` is `tuple[A | B, ...]`.

    Without a `place` it is what stands above the first table.
    """
    if get_args(kind):
        return _read_array(place, raw, get_args(kind)[0])
    if not isinstance(raw, dict):
        return None, [f"[{place}] must be a table; write its fields under [{place}]; {HELP}"]
    faults = _field_faults(f"[{place}]" if place else "above the first table:", raw, kind)
    return (None, faults) if faults else (msgspec.convert(raw, kind), [])


def _read_array(place: str, raw: object, union: Any) -> tuple[Any, list[str]]:
    if not isinstance(raw, list):
        return None, [f"[{place}] is an array of tables; write [[{place}]] above each; {HELP}"]
    kinds = {kind.__struct_config__.tag: kind for kind in get_args(union)}
    faults = [
        fault
        for number, row in enumerate(raw, 1)
        for fault in _row_faults(f"[[{place}]] number {number}:", row, kinds)
    ]
    return (None, faults) if faults else (msgspec.convert(raw, tuple[union, ...]), [])


def _row_faults(place: str, row: object, kinds: dict[str, Any]) -> list[str]:
    """Faults of one table of an array, by its `kind`; its struct may look for more in `faults()`."""
    if not isinstance(row, dict):
        return [f"{place} must be a table; {HELP}"]
    tag = row.get("kind")
    choice = f"choose one of {', '.join(sorted(kinds))}"
    if tag not in kinds:
        return [f"{place} kind {tag!r} is unknown; {choice}" if tag else f"{place} has no kind; {choice}"]
    fields = {key: value for key, value in row.items() if key != "kind"}
    faults = _field_faults(place, fields, kinds[tag])
    more = getattr(kinds[tag], "faults", None)
    if more and not faults:
        faults = [f"{place} {words}" for words in more(msgspec.convert(fields, kinds[tag], strict=True))]
    return faults


def _field_faults(place: str, raw: dict[str, Any], kind: Any) -> list[str]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    faults = [
        f"{place} {name}: is no field here; known are {', '.join(sorted(fields))}"
        for name in raw
        if name not in fields
    ]
    faults += [
        f"{place} {name}: is missing; {HELP}"
        for name, field in fields.items()
        if field.required and name not in raw
    ]
    return faults + [
        fault
        for name, field in fields.items()
        if name in raw
        for fault in _value_faults(f"{place} {name}", raw[name], field.type)
    ]


def _value_faults(place: str, value: object, kind: Any) -> Sequence[str]:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        shown = value.isoformat() if hasattr(value, "isoformat") else repr(value)
        remedy = f"choose one of {', '.join(get_args(kind))}" if get_origin(kind) is Literal else HELP
        return [f"{place} = {shown[:60]}: {error}; {remedy}"]
    return []
