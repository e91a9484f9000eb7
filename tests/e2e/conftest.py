"""A house of this test's own."""

import pytest

from tests.e2e.house import house_in


@pytest.fixture
def house(tmp_path):
    with house_in(tmp_path) as house:
        yield house
