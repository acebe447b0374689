import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from eth_account import Account

from fixtures.vectors.make_vectors import HERE, rendered


@pytest.mark.parametrize("name", rendered())
def test_the_committed_vectors_are_those_that_the_code_makes(name: str) -> None:
    assert (HERE / name).read_text(encoding="utf-8") == rendered()[name]


def test_vectors_of_signatures_hold_for_eth_account() -> None:
    for case in load("typed_data.json")["cases"]:
        signature = Account.unsafe_sign_hash(bytes.fromhex(case["digest"][2:]), case["privateKey"]).signature
        assert "0x" + bytes(signature).hex() == case["signature"]
        assert Account.from_key(case["privateKey"]).address.lower() == case["signer"]


def test_vectors_of_session_keys_hold_for_another_hkdf() -> None:
    for case in load("session_keys.json")["cases"]:
        label = bytes.fromhex(case["label"][2:])
        other = HKDF(algorithm=SHA256(), length=32, salt=b"wattnote/session", info=label)
        assert other.derive(bytes.fromhex(case["rootKey"][2:])).hex() == case["key"][2:]


def test_amounts_round_up_to_the_micro_unit() -> None:
    for case in load("amounts.json")["amounts"]:
        product = int(case["quantityWh"]) * int(case["pricePerKwh"])
        assert 0 <= int(case["amount"]) * 1000 - product < 1000


def load(name: str) -> dict[str, list[dict[str, str]]]:
    vectors: dict[str, list[dict[str, str]]] = json.loads((Path(HERE) / name).read_text(encoding="utf-8"))
    return vectors
