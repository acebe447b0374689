"""Revert data -> the custom error's name and arguments, by the errors of the contracts' ABIs."""

from collections.abc import Iterable, Mapping
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import collapse_if_tuple, function_signature_to_4byte_selector

from contracts.calls import Revert

Abi = Iterable[Mapping[str, Any]]

# What Solidity itself throws: require with a string, and failed checks of the language.
_BUILT_IN: Abi = (
    {"type": "error", "name": "Error", "inputs": [{"name": "reason", "type": "string"}]},
    {"type": "error", "name": "Panic", "inputs": [{"name": "code", "type": "uint256"}]},
)


class ErrorCatalogue:
    """The custom errors that contracts may revert with, by selector."""

    def __init__(self, abis: Iterable[Abi] = ()) -> None:
        """Collect the errors of whole contract ABIs (other entries are passed over)."""
        self._by_selector: dict[bytes, tuple[str, list[str], list[str]]] = {}
        for abi in (_BUILT_IN, *abis):
            for entry in abi:
                if entry.get("type") == "error":
                    self._add(entry)

    def _add(self, entry: Mapping[str, Any]) -> None:
        inputs = entry.get("inputs", [])
        types = [collapse_if_tuple(item) for item in inputs]
        names = [item.get("name") or str(position) for position, item in enumerate(inputs)]
        selector = function_signature_to_4byte_selector(f"{entry['name']}({','.join(types)})")
        self._by_selector[bytes(selector)] = (str(entry["name"]), names, types)

    def decode(self, data: bytes) -> Revert:
        """Name and arguments; "unknown" with the raw data where no ABI explains it. Never raises."""
        known = self._by_selector.get(data[:4])
        if known is None:
            return Revert("unknown", {}, data)
        name, names, types = known
        try:
            values = decode(types, data[4:])
        except (DecodingError, UnicodeDecodeError, OverflowError):
            return Revert("unknown", {}, data)  # a foreign contract may lie behind a known selector
        pairs = zip(names, types, values, strict=True)
        return Revert(name, {key: _plain(kind, value) for key, kind, value in pairs}, data)


def _plain(kind: str, value: Any) -> Any:
    """Addresses as 20 raw bytes, as everywhere in the project; all else as eth_abi gives it."""
    return bytes.fromhex(value[2:]) if kind == "address" else value
