"""Replays: the households of a scenario trade its slots over channels, with signatures, ledger and power flow."""
