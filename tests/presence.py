"""What a test does when something it needs is missing from the machine."""

import os
from typing import NoReturn

import pytest


def skip_or_fail(reason: str, *, required_by: str) -> NoReturn:
    """Skips the test, loudly; fails it where a skip would hide that nothing was tested.

    Args:
        reason: what is missing and how to get it.
        required_by: the environment variable that, set to 1, turns the skip into a failure; `CI=true` always does.
    """
    if os.environ.get(required_by) == "1" or os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
