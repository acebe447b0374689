"""Keccak-256 as Ethereum uses it (the submission to SHA-3, with its original padding).

The one place that knows which library does it. `safe-pysha3` (a C extension without wrapper objects in
Python) is about five times as fast on our short inputs as pycryptodome, which every web3 installation
brings along and which serves where the former is missing.
"""

import importlib

try:
    _keccak_256 = importlib.import_module("sha3").keccak_256
except ImportError:
    from Crypto.Hash import keccak as _pycryptodome

    def keccak256(data: bytes) -> bytes:
        """32-byte Keccak-256 of `data`."""
        return _pycryptodome.new(data=data, digest_bits=256).digest()

else:

    def keccak256(data: bytes) -> bytes:
        """32-byte Keccak-256 of `data`."""
        digest: bytes = _keccak_256(data).digest()
        return digest
