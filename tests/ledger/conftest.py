"""Fixtures of the ledger tests."""

from tests.fixtures_ledger import (  # noqa: F401  fixtures are found by their names here
    anvil,
    client,
    devnode,
    fresh_ledger_url,
    funded_key,
    ledger_url,
)
