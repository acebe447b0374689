"""The ledger side: contracts, bindings, gateway, indexer and the embedded node."""
