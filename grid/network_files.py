"""Feeders as files: our compact JSON, and pandapower's through `grid.pandapower_tables`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from grid.network import Feeder, NetworkFaultError, check_feeder

FORMAT = "wattnote-feeder-1"


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
            (f"{path.name}: can't be read ({error.strerror}); check the path",)
        ) from error
    except msgspec.DecodeError as error:
        raise NetworkFaultError((f"{path.name}: is no JSON ({error}); export the network again",)) from error
    if isinstance(raw, dict) and raw.get("format") == FORMAT:
        return _from_builtins(path.name, raw)
    if isinstance(raw, dict) and str(raw.get("_module", "")).startswith("pandapower"):
        from grid.pandapower_tables import feeder_from_pandapower_json  # noqa: PLC0415  pandapower takes 2 s to import

        return feeder_from_pandapower_json(path)
    raise NetworkFaultError(
        (f"{path.name}: is neither {FORMAT} nor a pandapower net; save it with pandapower.to_json",)
    )


def _from_builtins(name: str, raw: Mapping[str, Any]) -> Feeder:
    try:
        feeder = msgspec.convert({k: v for k, v in raw.items() if k != "format"}, Feeder)
    except msgspec.ValidationError as error:
        raise NetworkFaultError(
            (f"{name}: {error}; make the file again with fixtures/extract_simbench.py",)
        ) from error
    check_feeder(feeder)
    return feeder
