"""Tiny contracts in assembled bytecode, so that ledger tests need no compiler."""

from contracts.calls import Call
from contracts.gateway import Sender


def _creation(runtime: bytes) -> bytes:
    return bytes([0x60, len(runtime), 0x80, 0x60, 0x0B, 0x60, 0, 0x39, 0x60, 0, 0xF3]) + runtime


# Counts in slot 0, logs the word given under topic 0xaa and returns it.
COUNTER = _creation(bytes.fromhex("60005460010160005560003560005260aa60206000a160206000f3"))
COUNTER_TOPIC = (0xAA).to_bytes(32, "big")

BROKE_ABI = [{"type": "error", "name": "Broke", "inputs": [{"name": "code", "type": "uint256"}]}]


def broke_creation() -> bytes:
    """A contract that refuses every call with Broke(42)."""
    from eth_utils.abi import function_signature_to_4byte_selector  # noqa: PLC0415

    selector = function_signature_to_4byte_selector("Broke(uint256)")
    return _creation(b"\x63" + selector + bytes.fromhex("600052602a6020526024601cfd"))


# Returns the block's timestamp.
CLOCK = _creation(bytes.fromhex("4260005260206000f3"))

# Returns the hash of the block at the height given as one word.
BLOCK_HASH = _creation(bytes.fromhex("6000354060005260206000f3"))

# Loops for ever.
BURNER = _creation(bytes.fromhex("5b600056"))

# Calls itself with all the gas that is left.
CALLS_ITSELF = _creation(bytes.fromhex("60006000600060006000305af100"))

# Logs four topics: 1, 2, 3 and the word given.
FOUR_TOPICS = _creation(bytes.fromhex("60003560036002600160006000a400"))


def deploy(sender: Sender, creation: bytes) -> bytes:
    """Create a contract and give its address."""
    receipt = sender.wait(sender.send(Call(to=b"", data=creation, label="create a test contract")))
    if receipt.contract_address is None:
        raise AssertionError("no contract in the receipt")
    return receipt.contract_address


def word(number: int) -> bytes:
    """An integer as 32 bytes of calldata."""
    return number.to_bytes(32, "big")
