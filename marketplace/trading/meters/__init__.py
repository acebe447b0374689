"""Real meters: who has which, the readings that they sign, and what is made of them (docs/metering.md)."""
