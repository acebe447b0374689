"""Feeders by reference: our compact JSON, pandapower's JSON, MATPOWER cases, SimBench codes, pandapower's own networks."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from grid.networks.check import check_feeder
from grid.networks.feeder import Bus, Connection, Feeder, Line, NetworkFaultError, Shunt, Transformer
from grid.words import Words, placed

FORMAT = "wattnote-feeder-1"
COLLECTIONS = ("simbench", "pandapower")
_ELEMENTS: dict[str, type[Any]] = {
    "buses": Bus,
    "lines": Line,
    "transformers": Transformer,
    "connections": Connection,
    "shunts": Shunt,
}


def is_file_reference(reference: str) -> bool:
    """Whether a network reference names a file, rather than a grid of a collection (`simbench:...`)."""
    return reference.partition(":")[0] not in COLLECTIONS


def open_network(reference: str, folder: Path) -> Feeder:
    """Read the feeder that `reference` names; a file's path starts at `folder`.

    `simbench:CODE`, `pandapower:FUNCTION` (`grid.networks.library.BUILT_IN`), a path ending in `.m` (MATPOWER), or a
    path of JSON (`load_feeder`).

    Raises:
        NetworkFaultError: every fault, with element and remedy.
    """
    collection, _, name = reference.partition(":")
    if not is_file_reference(reference):
        from grid.networks.library import SOURCES  # noqa: PLC0415  both collections are slow to import

        return SOURCES[collection](name)
    path = folder / reference
    if path.suffix.lower() == ".m":
        from grid.networks.matpower import feeder_from_matpower  # noqa: PLC0415  its parser imports pandas

        return feeder_from_matpower(path)
    return load_feeder(path)


def feeder_to_json(feeder: Feeder) -> bytes:
    """The feeder in our compact JSON, one text per feeder whatever the machine."""
    return msgspec.json.format(
        msgspec.json.encode({"format": FORMAT, **msgspec.to_builtins(feeder)}), indent=0
    )


def load_feeder(path: Path) -> Feeder:
    """Read a feeder from our JSON or from pandapower's.

    Raises:
        NetworkFaultError: what is wrong with the file and how to mend it.
    """
    try:
        raw = msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise NetworkFaultError(
            (
                placed(
                    path.name,
                    Words("can't be read (%(strerror)s); check the path", strerror=str(error.strerror)),
                ),
            )
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NetworkFaultError(
            (placed(path.name, Words("is no JSON (%(error)s); export the network again", error=str(error))),)
        ) from error
    if isinstance(raw, dict) and raw.get("format") == FORMAT:
        return _from_builtins(path.name, raw)
    if isinstance(raw, dict) and str(raw.get("_module", "")).startswith("pandapower"):
        from grid.networks.pandapower_json import net_from_raw  # noqa: PLC0415  pandapower takes 2 s to import
        from grid.networks.pandapower_tables import feeder_from_pandapower  # noqa: PLC0415  as above

        return feeder_from_pandapower(net_from_raw(path.name, raw), name=path.stem)
    raise NetworkFaultError(
        (
            placed(
                path.name,
                Words(
                    "is neither %(format)s nor a pandapower net; save it with pandapower.to_json",
                    format=FORMAT,
                ),
            ),
        )
    )


def _from_builtins(name: str, raw: Mapping[str, Any]) -> Feeder:
    faults: list[Words] = []
    elements: dict[str, Any] = {
        key: tuple(_elements(key, kind, raw.get(key, []), faults)) for key, kind in _ELEMENTS.items()
    }
    rest = {key: value for key, value in raw.items() if key not in {"format", *_ELEMENTS}}
    empty: dict[str, Any] = {key: [] for key in _ELEMENTS if key in raw}
    try:
        feeder = msgspec.convert({**rest, **empty}, Feeder)
    except msgspec.ValidationError as error:
        faults.append(Words("%(error)s", error=str(error)))
    if faults:
        raise NetworkFaultError(
            tuple(
                placed(name, Words("%(fault)s; docs/networks.md describes the format", fault=fault))
                for fault in faults
            )
        )
    feeder = replace(feeder, **elements)
    check_feeder(feeder)
    return feeder


def _elements(key: str, kind: type[Any], rows: Any, faults: list[Words]) -> list[Any]:
    """One by one, so that every broken element is named and not only the first."""
    if not isinstance(rows, list):
        faults.append(Words("%(key)s: is no list; give one object per element", key=key))
        return []
    made = []
    for place, row in enumerate(rows):
        try:
            made.append(msgspec.convert(row, kind))
        except msgspec.ValidationError as error:
            named = f" ({row['name']})" if isinstance(row, dict) and "name" in row else ""
            faults.append(
                Words(
                    "%(key)s %(place)s%(named)s: %(error)s",
                    key=key,
                    place=place,
                    named=named,
                    error=str(error),
                )
            )
    return made
