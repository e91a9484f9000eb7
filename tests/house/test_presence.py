"""A test that was skipped proves nothing, so CI must not skip."""

import pytest

from tests.presence import skip_or_fail


@pytest.fixture(autouse=True)
def _laptop(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CI", "REQUIRE_IT"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(("variable", "value"), [("CI", "true"), ("REQUIRE_IT", "1")])
def test_what_is_missing_fails_where_a_skip_would_go_unseen(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(pytest.fail.Exception, match="no such thing"):
        skip_or_fail("no such thing", required_by="REQUIRE_IT")


def test_what_is_missing_skips_on_a_laptop() -> None:
    with pytest.raises(pytest.skip.Exception, match="no such thing"):
        skip_or_fail("no such thing", required_by="REQUIRE_IT")
