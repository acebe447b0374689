"""A pytest plugin that leaves out what another database can't change: it was run before, and would come out the same.

That is what never touches the database, and clicks in a browser: what they ask of it, the API's tests ask too.
"""

import pytest

USES_IT = {"db", "transactional_db", "live_server"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep what asks for the database, by marker or through any of its fixtures, without a browser."""
    kept = [item for item in items if _uses_it(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
    items[:] = kept


def _uses_it(item: pytest.Item) -> bool:
    if item.get_closest_marker("browser") is not None:
        return False
    named: list[str] = getattr(item, "fixturenames", [])
    return item.get_closest_marker("django_db") is not None or not USES_IT.isdisjoint(named)
