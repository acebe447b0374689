"""The off-chain side: two-party state channels."""
