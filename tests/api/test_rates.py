"""How often a key may ask."""

import pytest

from app.api.application import ROUTES, Api
from app.api.rates import Rates, RateSettings
from studyhall.errors import RateLimited
from tests.api.people import Caller
from tests.databases import Clock

SLOW = RateSettings(writes_per_s=2, reads_per_s=1)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rates(clock: Clock) -> Rates:
    return Rates(SLOW, clock)


def test_a_burst_is_served_and_what_follows_is_told_when_to_come_back(rates: Rates, clock: Clock) -> None:
    for _ in range(4):
        rates.take("key", is_write=True)
    with pytest.raises(RateLimited) as limited:
        rates.take("key", is_write=True)

    assert limited.value.retry_after_s == 1
    clock.move(0.5)
    rates.take("key", is_write=True)


def test_reads_writes_and_other_keys_are_counted_apart(rates: Rates) -> None:
    for _ in range(4):
        rates.take("key", is_write=True)

    rates.take("key", is_write=False)
    rates.take("other", is_write=True)


def test_what_ends_or_renews_a_lease_is_never_refused() -> None:
    urgent = {route.operation_id for route in ROUTES if route.scopes and not route.is_counted}

    assert {"complete", "heartbeat", "infeasible", "fail", "release"} <= urgent
    assert not urgent & {"claim", "report", "create_study", "list_trials"}


def test_too_many_requests_are_a_problem(api: Api, user: Caller) -> None:
    api.rates = Rates(SLOW, Clock())
    for _ in range(2):
        assert user.get("/v1/studies").status_code == 200

    refused = user.get("/v1/studies")

    assert (refused.status_code, refused.json()["code"]) == (429, "rate-limited")
    assert int(refused.headers["retry-after"]) >= 1
