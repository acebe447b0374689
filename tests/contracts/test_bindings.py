"""Bindings, events and artifacts must speak of the same contracts."""

import json
from typing import Any, NoReturn

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.abi import collapse_if_tuple
from eth_utils.crypto import keccak
from market import COIN, Key, Market
from web3 import Web3

from channels_engine.core.types import (
    ZERO_HASH,
    ChannelOpen,
    ChannelState,
    CreditAgreement,
    Delivery,
    Domain,
    EntityContract,
    FundingChange,
    Offer,
    Side,
)
from contracts import consents
from contracts.authorizations import AuthorizingToken
from contracts.bindings import EntityContracts, MerchantContract, MerchantFactory, SignedState, Stablecoin
from contracts.calls import Call, LogEntry
from contracts.claims import MerchantClaims
from contracts.deploy import Deployment
from contracts.encoding import Payment, artifact, selector
from contracts.events import TOPICS, decode_log
from contracts.records import AuthorizedTransfer, TokenDomain
from contracts.registry import MeteredTrade

NAMES = ("EntityContracts", "RegistryExtension", "MerchantContract", "MerchantFactory", "TestStablecoin")
ADDRESS = b"\x11" * 20
SIGNATURE = Key(1).sign(b"\x01" * 32)
# Not for clients: the factory and the registry call these; and what every ERC-20 or Ownable has beside.
UNBOUND = {
    "EntityContracts": {"admitMerchant", "eip712Domain", "token"},
    "RegistryExtension": {"claimPayout", "eip712Domain", "heldPayout", "nonces", "token"},
    "MerchantContract": {
        "eip712Domain", "registry", "reserve", "settleBoth", "settlePayee", "settlePayer", "token",
    },
    "MerchantFactory": set(),
    "TestStablecoin": {
        "DOMAIN_SEPARATOR", "MAX_SUPPLY", "cancelAuthorization", "decimals", "isMinter", "name", "owner",
        "permit", "receiveWithAuthorization", "renounceOwnership", "symbol", "transferFrom",
        "transferOwnership",
    },
}  # fmt: skip


def signature_of(entry: dict[str, Any]) -> str:
    return f"{entry['name']}({','.join(collapse_if_tuple(item) for item in entry['inputs'])})"


def functions(contract: str) -> dict[bytes, str]:
    entries = [entry for entry in artifact(contract)["abi"] if entry["type"] == "function"]
    return {selector(signature_of(entry)): entry["name"] for entry in entries}


def calls_of(contract: str) -> list[Call]:
    terms = EntityContract(ADDRESS, ADDRESS, ADDRESS, 1, 1, 1, ZERO_HASH)
    opening = ChannelOpen(ZERO_HASH, 1, 1, 1, ADDRESS, ZERO_HASH, ADDRESS, ZERO_HASH, 1, 1)
    state = ChannelState(ZERO_HASH, 1, 1, 1, 1, 1, 1, ZERO_HASH, is_final=True)
    signed = SignedState(terms, opening, state, SIGNATURE, SIGNATURE)
    asked = []

    def ask(call: Call) -> NoReturn:
        asked.append(call)
        raise LookupError

    if contract == "EntityContracts":
        bound = EntityContracts(ADDRESS)
        two = SIGNATURE, SIGNATURE
        writes = [
            bound.create(terms, *two), bound.open_channel(terms, opening, *two), bound.finalise(signed),
            bound.create_and_open(
                terms=terms, terms_a=SIGNATURE, terms_b=SIGNATURE, opening=opening,
                signature_a=SIGNATURE, signature_b=SIGNATURE,
            ),
            bound.finalise_many([signed]), bound.dispute(signed), bound.dispute_known(terms, opening),
            bound.resolve(signed), bound.finalise_disputed(terms, opening), bound.claim_payout(ADDRESS, ADDRESS),
            *extension_calls(bound, signed),
        ]  # fmt: skip
        reads = [
            (bound.factory,), (bound.extension,), (bound.is_merchant_contract, ADDRESS), (bound.disputes_of, ZERO_HASH),
            (bound.channel_of, ZERO_HASH), (bound.record_of, ZERO_HASH), (bound.held_payout, ADDRESS),
            (bound.consent_nonce, ADDRESS),
        ]  # fmt: skip
    elif contract == "RegistryExtension":
        writes, reads = extension_calls(EntityContracts(ADDRESS), signed), []
    elif contract == "MerchantContract":
        bound, claims = MerchantContract(ADDRESS), MerchantClaims(ADDRESS)
        agreement, paid = make_agreement(), Payment(ADDRESS, 1)
        writes = [
            bound.deposit_treasury(1), bound.withdraw_treasury(ADDRESS, 1), bound.pay(ZERO_HASH, paid),
            bound.initialise(agreement, SIGNATURE), bound.top_up_collateral(ZERO_HASH, paid),
            bound.release_collateral(ZERO_HASH), bound.withdraw_collateral(ZERO_HASH),
            bound.withdraw_earnings(ZERO_HASH, ADDRESS, ADDRESS), bound.claim_payout(ADDRESS, ADDRESS),
            claims.start(ZERO_HASH, []), claims.execute(ZERO_HASH, []), claims.cancel(ZERO_HASH),
            claims.hold_collateral(ZERO_HASH, []), claims.change_limit(ZERO_HASH, 1),
            claims.cancel_note(ZERO_HASH, ADDRESS),
        ]  # fmt: skip
        reads = [
            (claims.open_claim, ZERO_HASH), (claims.locked_until, ZERO_HASH), (bound.merchant,), (bound.treasury,), (bound.agreement_of, ZERO_HASH),
            (bound.note_of, ZERO_HASH, ADDRESS), (bound.held_payout, ADDRESS), (bound.consent_nonce, ADDRESS),
        ]  # fmt: skip
    elif contract == "MerchantFactory":
        bound = MerchantFactory(ADDRESS)
        writes = [bound.create(ADDRESS)]
        reads = [(bound.contract_of, ADDRESS), (bound.registry,), (bound.token,)]
    else:
        bound = Stablecoin(ADDRESS)
        writes = [
            bound.mint(ADDRESS, 1), bound.set_minter(ADDRESS, allowed=True), bound.transfer(ADDRESS, 1),
            bound.approve(ADDRESS, 1),
            AuthorizingToken(ADDRESS).transfer(
                AuthorizedTransfer(ADDRESS, ADDRESS, 1, 1, ZERO_HASH), SIGNATURE
            ),
        ]  # fmt: skip
        reads = [
            (bound.balance_of, ADDRESS), (bound.allowance, ADDRESS, ADDRESS), (bound.total_supply,),
            (bound.permit_nonce, ADDRESS), (bound.domain,),
            (AuthorizingToken(ADDRESS).is_used, ADDRESS, ZERO_HASH),
        ]  # fmt: skip
    for read, *arguments in reads:
        with pytest.raises(LookupError):
            read(ask, *arguments)
    return writes + asked


def extension_calls(bound: EntityContracts, signed: SignedState) -> list[Call]:
    two = SIGNATURE, SIGNATURE
    offer = Offer(ZERO_HASH, 1, ZERO_HASH, bool(1), *(1,) * 6)
    change = FundingChange(ZERO_HASH, 1, 1, 1, 1, 1, 1, 1, 1, ZERO_HASH, 1)
    metered = MeteredTrade(offer, Side.A, Delivery(ZERO_HASH, ZERO_HASH, 1), SIGNATURE)
    return [
        bound.checkpoint(signed),
        bound.change_funding(signed.terms, signed.opening, change, *two),
        bound.enforce_offer(signed, offer, *two),
        bound.enforce_delivery(signed, metered),
    ]


def make_agreement() -> CreditAgreement:
    return CreditAgreement(ADDRESS, 1, 1, 1, 1, 1, ZERO_HASH, ZERO_HASH)


@pytest.mark.parametrize("contract", NAMES)
def test_every_function_is_bound_by_the_abis_selector(contract: str) -> None:
    by_selector = functions(contract)
    bound = {by_selector[call.data[:4]] for call in calls_of(contract)}
    assert bound == set(by_selector.values()) - UNBOUND[contract]


def test_every_event_of_the_contracts_is_decoded() -> None:
    declared = {
        bytes(keccak(text=signature_of(entry)))
        for name in ("EntityContracts", "MerchantContract", "MerchantFactory")
        for entry in artifact(name)["abi"]
        if entry["type"] == "event" and entry["name"] != "EIP712DomainChanged"
    }
    transfer = bytes(keccak(text="Transfer(address,address,uint256)"))
    assert set(TOPICS.values()) == declared | {transfer}


def test_event_members_are_indexed_as_the_abi_says() -> None:
    for name in NAMES:
        for entry in artifact(name)["abi"]:
            topic = entry["type"] == "event" and bytes(keccak(text=signature_of(entry)))
            event = next((event for event, known in TOPICS.items() if known == topic), None)
            if event is not None:
                declared = [f"{i['type']}{' indexed' * i['indexed']} {i['name']}" for i in entry["inputs"]]
                assert ",".join(declared) == event.ABI
                assert len(event.__slots__) == len(declared)


def test_foreign_logs_are_none_and_broken_ones_raise() -> None:
    def log(*topics: bytes, data: bytes = b"") -> LogEntry:
        return LogEntry(ADDRESS, topics, data, 1, ZERO_HASH, ZERO_HASH, 0, 0)

    assert decode_log(log()) is None
    assert decode_log(log(b"\x99" * 32)) is None
    for topic in TOPICS.values():
        with pytest.raises(ValueError, match=r"zip|bytes|data"):
            decode_log(log(topic))


def typed_data(domain: dict, name: str, members: str, message: dict) -> bytes:
    fields = [dict(zip(("type", "name"), member.split(" "), strict=True)) for member in members.split(",")]
    signable = encode_typed_data(domain_data=domain, message_types={name: fields}, message_data=message)
    return Account.sign_message(signable, Key(1).secret).signature


def test_consents_are_what_a_wallet_signs() -> None:
    key, contract = Key(1), b"\x22" * 20
    domain = Domain(31337, contract)
    wallet = {
        "name": "Wattnote",
        "version": "1",
        "chainId": 31337,
        "verifyingContract": "0x" + contract.hex(),
    }
    to = "0x" + ADDRESS.hex()
    serial, to_hash = b"\x05" * 32, b"\x06" * 32
    cases = [
        (
            consents.dispute_request(domain, channel=serial, version=7),
            ("DisputeRequest", "bytes32 channel,uint64 version", {"channel": serial, "version": 7}),
        ),
        (
            consents.payout_claim(domain, owner=ADDRESS, to=ADDRESS, nonce=3),
            ("PayoutClaim", "address owner,address to,uint256 nonce", {"owner": to, "to": to, "nonce": 3}),
        ),
        (
            consents.earnings_withdrawal(domain, serial=serial, holder=ADDRESS, to=ADDRESS, nonce=3),
            (
                "EarningsWithdrawal",
                "bytes32 serial,address holder,address to,uint256 nonce",
                {"serial": serial, "holder": to, "to": to, "nonce": 3},
            ),
        ),
        (
            consents.collateral_release(domain, sid=serial),
            ("CollateralRelease", "bytes32 sid", {"sid": serial}),
        ),
        (
            consents.debt_payment(domain, sid=serial, owner=ADDRESS, amount=5, nonce=3),
            (
                "DebtPayment",
                "bytes32 sid,address from,uint96 amount,uint256 nonce",
                {"sid": serial, "from": to, "amount": 5, "nonce": 3},
            ),
        ),
        (
            consents.collateral_top_up(domain, sid=serial, owner=ADDRESS, amount=5, nonce=3),
            (
                "CollateralTopUp",
                "bytes32 sid,address from,uint96 amount,uint256 nonce",
                {"sid": serial, "from": to, "amount": 5, "nonce": 3},
            ),
        ),
        (
            consents.claim_start(domain, sid=serial, accounts=[serial, to_hash], nonce=3),
            (
                "ClaimStart",
                "bytes32 sid,bytes32[] accounts,uint256 nonce",
                {"sid": serial, "accounts": [serial, to_hash], "nonce": 3},
            ),
        ),
        (
            consents.collateral_hold(domain, sid=serial, accounts=[serial], nonce=3),
            (
                "CollateralHold",
                "bytes32 sid,bytes32[] accounts,uint256 nonce",
                {"sid": serial, "accounts": [serial], "nonce": 3},
            ),
        ),
        (
            consents.claim_cancellation(domain, sid=serial, nonce=3),
            ("ClaimCancellation", "bytes32 sid,uint256 nonce", {"sid": serial, "nonce": 3}),
        ),
        (
            consents.limit_change(domain, sid=serial, credit_limit=7, nonce=3),
            (
                "LimitChange",
                "bytes32 sid,uint96 creditLimit,uint256 nonce",
                {"sid": serial, "creditLimit": 7, "nonce": 3},
            ),
        ),
        (
            consents.note_cancellation(domain, serial=serial, holder=ADDRESS, nonce=3),
            (
                "NoteCancellation",
                "bytes32 serial,address holder,uint256 nonce",
                {"serial": serial, "holder": to, "nonce": 3},
            ),
        ),
    ]
    for digest, (name, members, message) in cases:
        assert key.sign(digest) == typed_data(wallet, name, members, message)
    token = TokenDomain("Coin", "2", 31337, contract)
    permit = consents.token_permit(token, owner=ADDRESS, spender=ADDRESS, amount=5, nonce=1, deadline=9)
    members = "address owner,address spender,uint256 value,uint256 nonce,uint256 deadline"
    message = {"owner": to, "spender": to, "value": 5, "nonce": 1, "deadline": 9}
    coin = {**wallet, "name": "Coin", "version": "2"}
    assert key.sign(permit) == typed_data(coin, "Permit", members, message)
    transfer = AuthorizedTransfer(ADDRESS, ADDRESS, 5, 9, serial)
    members = "address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce"
    message = {"from": to, "to": to, "value": 5, "validAfter": 0, "validBefore": 9, "nonce": serial}
    authorization = consents.transfer_authorization(token, transfer)
    assert key.sign(authorization) == typed_data(coin, "TransferWithAuthorization", members, message)


def test_a_deployment_survives_its_file() -> None:
    deployment = Deployment(ADDRESS, b"\x02" * 20, b"\x03" * 20, {b"\x04" * 20: b"\x05" * 20})
    assert Deployment.from_json(json.loads(json.dumps(deployment.to_json()))) == deployment


def test_views_before_anything_happened(market: Market) -> None:
    call = market.chain.call
    note = market.note(market.a, COIN)
    account = market.merchant().note_of(call, note.note.serial, market.a.address)
    assert (account.amount, account.debt, account.earnings) == (0, 0, 0)
    assert not market.registry.disputes_of(call, b"\x01" * 32).created
    assert market.token.allowance(call, market.a.address, market.b.address) == 0
    assert market.token.domain(call).verifying_contract == market.token.address


def test_code_on_the_ledger_is_the_committed_run_time_code_with_its_immutables(market: Market) -> None:
    for name, address in (
        ("EntityContracts", market.registry.address),
        ("RegistryExtension", market.registry.extension(market.chain.call)),
        ("MerchantContract", market.merchant().address),
        ("MerchantFactory", market.deployment.factory),
        ("TestStablecoin", market.token.address),
    ):
        there = bytearray(market.chain.w3.eth.get_code(Web3.to_checksum_address(address)))
        for place in artifact(name)["immutables"]:
            start, length = place["start"], place["length"]
            there[start : start + length] = bytes(length)
        assert there.hex() == artifact(name)["deployedBytecode"][2:]
