"""How fast the embedded node is: `python -m benchmarks.devnode [transactions]` from the project's folder.

Prints start-up time and mined, synced transactions per second, for one sender that pipelines batches
and for many connections that send one by one. Each transaction writes a storage slot and logs.
"""

import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address

from contracts.devnode.accounts import dev_key

# SLOAD, add one, SSTORE, LOG1 with 32 bytes of calldata: about what an event-writing call does.
RUNTIME = bytes.fromhex("60005460010160005560003560005260aa60206000a100")
INIT = bytes([0x60, len(RUNTIME), 0x80, 0x60, 0x0B, 0x60, 0, 0x39, 0x60, 0, 0xF3]) + RUNTIME
BATCH = 100
CONNECTIONS = 10


def rpc(session: requests.Session, url: str, body: object) -> Any:
    """POST a request or a batch; stop at the first error."""
    response = session.post(url, json=body, timeout=60).json()
    for item in response if isinstance(response, list) else [response]:
        if "error" in item:
            raise SystemExit(f"the node refused: {item['error']}")
    return response


def request(method: str, *params: object) -> dict[str, object]:
    """One JSON-RPC request."""
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


def signed(account: LocalAccount, nonce: int, to: str | None) -> dict[str, object]:
    """A signed call of the counter, or its creation."""
    fields = {
        "type": 2, "chainId": 31337, "nonce": nonce, "gas": 150_000, "value": 0,
        "maxFeePerGas": 3 * 10**9, "maxPriorityFeePerGas": 10**9,
        "data": nonce.to_bytes(32, "big") if to else INIT,
    }  # fmt: skip
    raw = account.sign_transaction(fields | ({"to": to} if to else {})).raw_transaction
    return request("eth_sendRawTransaction", "0x" + raw.hex())


def pipelined(url: str, to: str, count: int) -> float:
    """Transactions per second of one sender, in batches."""
    account, session = Account.from_key(dev_key(0)), requests.Session()
    bodies = [signed(account, nonce, to) for nonce in range(1, count + 1)]
    started = time.perf_counter()
    for first in range(0, count, BATCH):
        rpc(session, url, bodies[first : first + BATCH])
    return count / (time.perf_counter() - started)


def concurrent(url: str, to: str, count: int) -> float:
    """Transactions per second of ten senders, each on its own connection, one at a time."""
    each = count // (CONNECTIONS - 1)

    def send(index: int) -> int:
        account, session = Account.from_key(dev_key(index)), requests.Session()
        for nonce in range(each):
            rpc(session, url, signed(account, nonce, to))
        return each

    started = time.perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        done = sum(pool.map(send, range(1, CONNECTIONS)))
    return done / (time.perf_counter() - started)


def deploy(url: str) -> str:
    """Create the counter; gives its checksummed address."""
    session = requests.Session()
    created = rpc(session, url, signed(Account.from_key(dev_key(0)), 0, None))
    receipt = rpc(session, url, request("eth_getTransactionReceipt", created["result"]))
    return str(to_checksum_address(receipt["result"]["contractAddress"]))


def main() -> None:
    """Start a node on a fresh chain, measure, stop it."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "contracts.devnode",
            "--port",
            "0",
            "--db",
            f"{folder}/chain.sqlite3",
        ]
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603  fixed argv, no shell
        try:
            url = process.stdout.readline().split()[1] if process.stdout else ""
            print(f"start-up                {time.perf_counter() - started:8.2f} s")
            to = deploy(url)
            print(f"one sender, batched     {pipelined(url, to, count):8.0f} tx/s")
            print(f"nine senders, one each  {concurrent(url, to, count):8.0f} tx/s")
            size = sum(path.stat().st_size for path in Path(folder).iterdir())
            print(f"file                    {size / 2**20:8.1f} MiB")
        finally:
            process.terminate()
            process.wait(30)


if __name__ == "__main__":
    main()
