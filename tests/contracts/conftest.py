from collections.abc import Iterator

import pytest
from evm_chain import Chain
from market import Market, make_market


@pytest.fixture(scope="module")
def _module_market() -> Market:
    return make_market(Chain())


@pytest.fixture
def market(_module_market: Market) -> Iterator[Market]:
    """A funded market; what a test does to the ledger is undone after it."""
    snapshot = _module_market.chain.tester.take_snapshot()
    yield _module_market
    _module_market.chain.tester.revert_to_snapshot(snapshot)
