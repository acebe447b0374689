"""Puts the contracts on a ledger: token, factory with its registry, one contract a merchant."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from contracts.bindings import MerchantFactory, Stablecoin
from contracts.calls import Call, Receipt
from contracts.encoding import EthCall

Execute: TypeAlias = Callable[[Call], Receipt]
"""Sends a call as a transaction and gives its receipt once mined; raises if it was refused."""


class DeploymentError(Exception):
    """The ledger mined a creation but names no contract."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """Addresses of one set of contracts, 20 bytes each; `merchants` goes from merchant key to contract."""

    token: bytes
    factory: bytes
    registry: bytes
    merchants: Mapping[bytes, bytes]

    def to_json(self) -> dict[str, Any]:
        """Hex text, for a file or a page."""
        merchants = {_hex(key): _hex(contract) for key, contract in self.merchants.items()}
        core = {"token": self.token, "factory": self.factory, "registry": self.registry}
        return {**{name: _hex(address) for name, address in core.items()}, "merchants": merchants}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Deployment":
        """The inverse of `to_json`; raises KeyError or ValueError if the content is not one."""
        core = {name: _raw(content[name]) for name in ("token", "factory", "registry")}
        merchants = {_raw(key): _raw(contract) for key, contract in content["merchants"].items()}
        return cls(**core, merchants=merchants)


def deploy(
    execute: Execute,
    eth_call: EthCall,
    *,
    owner: bytes,
    merchants: Iterable[bytes] = (),
    token: bytes | None = None,
) -> Deployment:
    """Creates what is needed and says where it is.

    Args:
        execute: Sends and awaits one transaction.
        eth_call: Reads from the ledger.
        owner: Who may mint the test token; not used where `token` is given.
        merchants: Merchant keys that get a contract.
        token: An ERC-20 that exists already; None makes a `TestStablecoin`.
    """
    token = token or _created(execute(Stablecoin.creation(owner)))
    extension = _created(execute(MerchantFactory.extension_creation(token)))
    factory = MerchantFactory(_created(execute(MerchantFactory.creation(token, extension))))
    contracts = {merchant: create_merchant(execute, eth_call, factory, merchant) for merchant in merchants}
    return Deployment(token, factory.address, factory.registry(eth_call), contracts)


def create_merchant(execute: Execute, eth_call: EthCall, factory: MerchantFactory, merchant: bytes) -> bytes:
    """The contract of a merchant key, created unless it is there already."""
    known = factory.contract_of(eth_call, merchant)
    if any(known):
        return known
    execute(factory.create(merchant))
    return factory.contract_of(eth_call, merchant)


def _created(receipt: Receipt) -> bytes:
    if receipt.contract_address is None:
        raise DeploymentError(f"transaction {receipt.transaction_hash.hex()} created no contract")
    return receipt.contract_address


def _hex(address: bytes) -> str:
    return "0x" + address.hex()


def _raw(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
