"""A house of this test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.house import House, house_in


@pytest.fixture(params=["one server on SQLite", "two servers on PostgreSQL behind a round-robin proxy"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """The same tests at both ends of what people run."""
    if "two servers" in request.param:
        with house_in(tmp_path, request.getfixturevalue("postgres_url"), servers=2) as house:
            yield house
    else:
        with house_in(tmp_path) as house:
            yield house
