"""Files of `pandapower.to_json`, read without trusting them.

Attack: pandapower's own reader imports and calls whatever module and function a file names. So only the tables that
the power flow needs are taken, as plain numbers and texts, and pandapower sees a file made anew from them.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from grid.networks.feeder import NetworkFaultError
from grid.words import Words, placed

TABLES = (
    "bus", "bus_geodata", "line", "trafo", "load", "sgen", "storage", "switch", "ext_grid", "shunt", "ward", "impedance",
    "asymmetric_load", "asymmetric_sgen", "gen", "trafo3w", "xward", "dcline", "motor", "svc", "ssc", "tcsc", "vsc",
    "line_dc",
)  # fmt: skip
_HEAD = ("name", "f_hz", "sn_mva", "version", "format_version")
_AGAIN = Words("save the network again with pandapower.to_json")


def net_from_raw(name: str, raw: Mapping[str, Any]) -> Any:
    """The pandapower net of a decoded file. Raises NetworkFaultError."""
    import pandapower  # noqa: PLC0415  takes 2 s to import and most runs read our own format
    import pandas as pd  # noqa: PLC0415  as above

    content = _content(name, raw)
    text = msgspec.json.encode(_plain(name, content)).decode()
    try:
        net = pandapower.from_json_string(text, convert=True)
    except Exception as error:  # pandapower raises whatever its conversion trips over
        raise NetworkFaultError(
            (
                placed(
                    name,
                    Words(
                        "pandapower can't read its tables (%(kind)s: %(error)s); %(again)s",
                        kind=type(error).__name__,
                        error=str(error),
                        again=_AGAIN,
                    ),
                ),
            )
        ) from error
    net["controller"] = pd.DataFrame({"in_service": _controllers(content)}, dtype=bool)
    return net


def _content(name: str, raw: Mapping[str, Any]) -> Mapping[str, Any]:
    content = raw.get("_object")
    if isinstance(content, str):
        content = _decoded(name, "network", content)
    if not isinstance(content, dict):
        raise NetworkFaultError((placed(name, Words("holds no tables; %(again)s", again=_AGAIN)),))
    return content


def _controllers(content: Mapping[str, Any]) -> list[bool]:
    """Whether each controller is in service. They are objects, so that nothing else of them is taken."""
    raw = content.get("controller")
    frame = raw.get("_object") if isinstance(raw, dict) else None
    try:
        split: Any = msgspec.json.decode(frame) if isinstance(frame, str) else frame
    except (msgspec.DecodeError, RecursionError):
        return []
    if not _is_split(split):
        return []
    place = split["columns"].index("in_service") if "in_service" in split["columns"] else None
    return [place is None or bool(row[place]) for row in split["data"]]


def _plain(name: str, content: Mapping[str, Any]) -> dict[str, Any]:
    head = {key: content[key] for key in _HEAD if isinstance(content.get(key), str | int | float)}
    tables = {key: _table(name, key, content[key]) for key in TABLES if content.get(key) is not None}
    return {"_module": "pandapower.auxiliary", "_class": "pandapowerNet", "_object": {**head, **tables}}


def _table(name: str, key: str, raw: Any) -> dict[str, Any]:
    frame = raw.get("_object") if isinstance(raw, dict) else None
    split: Any = _decoded(name, key, frame) if isinstance(frame, str) else frame
    if not _is_split(split):
        raise NetworkFaultError(
            (
                placed(
                    name,
                    Words("table %(key)s is in no form of pandapower's; %(again)s", key=key, again=_AGAIN),
                ),
            )
        )
    plain = {
        "columns": split["columns"],
        "index": split["index"],
        "data": [[_cell(cell) for cell in row] for row in split["data"]],
    }
    types = raw.get("dtype")
    return {
        "_module": "pandas.core.frame",
        "_class": "DataFrame",
        "_object": msgspec.json.encode(plain).decode(),
        "orient": "split",
        "dtype": dict(_types(plain, types if isinstance(types, dict) else {})),
    }


def _types(plain: Mapping[str, Sequence[Any]], given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """As the file says, except that a column with gaps can't be of whole numbers or truths."""
    for place, column in enumerate(plain["columns"]):
        kind = str(given.get(column, "object"))
        if kind.startswith(("int", "uint", "bool")) and any(row[place] is None for row in plain["data"]):
            kind = "object"
        yield column, kind if kind in _KINDS else "object"


_KINDS = ("object", "float64", "float32", "int64", "int32", "uint32", "uint64", "bool")


def _is_split(split: Any) -> bool:
    if not isinstance(split, dict) or not all(
        isinstance(split.get(key), list) for key in ("columns", "index", "data")
    ):
        return False
    width = len(split["columns"])
    return (
        all(isinstance(column, str) for column in split["columns"])
        and all(isinstance(index, int) for index in split["index"])
        and len(split["index"]) == len(split["data"])
        and all(isinstance(row, list) and len(row) == width for row in split["data"])
    )


def _cell(cell: Any) -> Any:
    """Attack: a text with `_module` in it would be taken for an object."""
    if isinstance(cell, dict) and cell.get("type") == "Point" and isinstance(cell.get("coordinates"), list):
        return msgspec.json.encode({"type": "Point", "coordinates": cell["coordinates"]}).decode()
    if isinstance(cell, dict | list) or (isinstance(cell, str) and "_module" in cell):
        return None
    return cell


def _decoded(name: str, key: str, text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise NetworkFaultError(
            (
                placed(
                    name,
                    Words(
                        "%(key)s is no JSON (%(error)s); %(again)s", key=key, error=str(error), again=_AGAIN
                    ),
                ),
            )
        ) from error
