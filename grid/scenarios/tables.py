"""Tables of a TOML file as structs: every fault of every field at once, with its place and what is allowed there."""

from collections.abc import Sequence
from typing import Any, Literal, get_args, get_origin

import msgspec

from grid.words import Words

HELP = Words("docs/scenarios.md shows the field's meaning and range")


def read_table(place: str, raw: object, kind: Any) -> tuple[Any, list[Words]]:
    """(value, faults) of a table `[place]`, or of an array of tables where `kind` is `tuple[A | B, ...]`.

    Without a `place` it is what stands above the first table.
    """
    if get_args(kind):
        return _read_array(place, raw, get_args(kind)[0])
    if not isinstance(raw, dict):
        return None, [
            Words(
                "[%(place)s] must be a table; write its fields under [%(place)s]; %(help)s",
                place=place,
                help=HELP,
            )
        ]
    faults = _field_faults(f"[{place}]" if place else Words("above the first table:"), raw, kind)
    return (None, faults) if faults else (msgspec.convert(raw, kind), [])


def _read_array(place: str, raw: object, union: Any) -> tuple[Any, list[Words]]:
    if not isinstance(raw, list):
        return None, [
            Words(
                "[%(place)s] is an array of tables; write [[%(place)s]] above each; %(help)s",
                place=place,
                help=HELP,
            )
        ]
    kinds = {kind.__struct_config__.tag: kind for kind in get_args(union)}
    faults = [
        fault
        for number, row in enumerate(raw, 1)
        for fault in _row_faults(
            Words("[[%(place)s]] number %(number)s:", place=place, number=number), row, kinds
        )
    ]
    return (None, faults) if faults else (msgspec.convert(raw, tuple[union, ...]), [])


def _row_faults(place: str, row: object, kinds: dict[str, Any]) -> list[Words]:
    """Faults of one table of an array, by its `kind`; its struct may look for more in `faults()`."""
    if not isinstance(row, dict):
        return [Words("%(place)s must be a table; %(help)s", place=place, help=HELP)]
    tag = row.get("kind")
    choice = Words("choose one of %(kinds)s", kinds=", ".join(sorted(kinds)))
    if tag not in kinds:
        return [
            Words("%(place)s kind %(tag)s is unknown; %(choice)s", place=place, tag=repr(tag), choice=choice)
            if tag
            else Words("%(place)s has no kind; %(choice)s", place=place, choice=choice)
        ]
    fields = {key: value for key, value in row.items() if key != "kind"}
    faults = _field_faults(place, fields, kinds[tag])
    more = getattr(kinds[tag], "faults", None)
    if more and not faults:
        faults = [
            Words("%(place)s %(fault)s", place=place, fault=words)
            for words in more(msgspec.convert(fields, kinds[tag], strict=True))
        ]
    return faults


def _field_faults(place: str, raw: dict[str, Any], kind: Any) -> list[Words]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    faults = [
        Words(
            "%(place)s %(name)s: is no field here; known are %(fields)s",
            place=place,
            name=name,
            fields=", ".join(sorted(fields)),
        )
        for name in raw
        if name not in fields
    ]
    faults += [
        Words("%(place)s %(name)s: is missing; %(help)s", place=place, name=name, help=HELP)
        for name, field in fields.items()
        if field.required and name not in raw
    ]
    return faults + [
        fault
        for name, field in fields.items()
        if name in raw
        for fault in _value_faults(Words("%(place)s %(name)s", place=place, name=name), raw[name], field.type)
    ]


def _value_faults(place: str, value: object, kind: Any) -> Sequence[Words]:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        shown = value.isoformat() if hasattr(value, "isoformat") else repr(value)
        remedy = (
            Words("choose one of %(kind)s", kind=", ".join(get_args(kind)))
            if get_origin(kind) is Literal
            else HELP
        )
        return [
            Words(
                "%(place)s = %(shown)s: %(error)s; %(remedy)s",
                place=place,
                shown=shown[:60],
                error=str(error),
                remedy=remedy,
            )
        ]
    return []
