"""The embedded EVM node: JSON-RPC over HTTP, its chain in SQLite."""
