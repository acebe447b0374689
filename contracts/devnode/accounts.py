"""The ten funded accounts of every development chain; anvil and hardhat fund the same ones.

Their keys are public knowledge: never send anything of value to them on a real network.
"""

from functools import cache

DEV_MNEMONIC = "test test test test test test test test test test test junk"
DEV_BALANCE_WEI = 10_000 * 10**18

DEV_ADDRESSES = tuple(
    bytes.fromhex(address)
    for address in (
        "f39fd6e51aad88f6f4ce6ab8827279cfffb92266",
        "70997970c51812dc3a010c7d01b50e0d17dc79c8",
        "3c44cdddb6a900fa2b585dd299e03d12fa4293bc",
        "90f79bf6eb2c4f870365e785982e1f101e93b906",
        "15d34aaf54267db7d7c367839aaf71a00a2c6a65",
        "9965507d1a55bcc2695c58ba16fb37d819b0a4dc",
        "976ea74026e726554db657fa54763abd0c3a0aa9",
        "14dc79964da2c08b23698b3d3cc7ca32193d9955",
        "23618e81e3f5cdf7f54c3d65f7fbc0abf5b21e8f",
        "a0ee7a142d267c1f36714e4a8f75612f20a79720",
    )
)


@cache
def dev_key(index: int = 0) -> bytes:
    """Private key (32 bytes) of the dev account `index`, by BIP-44 path m/44'/60'/0'/0/index."""
    # The node itself needs no key, so it need not load these.
    from eth_account.hdaccount.deterministic import HDPath  # noqa: PLC0415  as above
    from eth_account.hdaccount.mnemonic import Mnemonic  # noqa: PLC0415  as above

    return bytes(HDPath(f"m/44'/60'/0'/0/{index}").derive(Mnemonic.to_seed(DEV_MNEMONIC)))
