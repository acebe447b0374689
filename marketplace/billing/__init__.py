"""Bills: what a supplier asks of a participant for a period, traceable to meters, signatures and the ledger."""
