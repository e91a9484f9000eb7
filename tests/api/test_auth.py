"""Keys: what they look like, and who is let in."""

import asyncio
import re
import statistics
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from app.api.application import Api
from app.api.auth import MOST_FAILURES, Authenticator
from app.api.context import Caller
from app.api.routing import READERS, Routes
from app.config import Settings
from app.main import uvicorn_config
from app.services.key_text import hash_of, id_of, make_key
from app.services.principal import Principal
from studyhall.errors import RateLimited, Unauthenticated
from studyhall.wire.server import Health
from tests.api.people import Keyring
from tests.api.toys import toy_api
from tests.databases import Clock

HERE = "192.0.2.1"
ELSEWHERE = "192.0.2.2"


class Door:
    """An authenticator whose clocks the test moves."""

    def __init__(self) -> None:
        self.keyring = Keyring()
        self.clock = Clock()
        self.authenticator = Authenticator(self.keyring.find, now=self.clock, monotonic=self.clock)

    def knock(self, header: str | None, address: str = HERE) -> Principal:
        authorization = None if header is None else header.encode("latin-1")
        return asyncio.run(self.authenticator.principal(authorization, address))

    def knock_with(self, key: str, address: str = HERE) -> Principal:
        return self.knock(f"Bearer {key}", address)


@pytest.fixture
def door() -> Door:
    return Door()


def test_a_key_looks_like_one() -> None:
    made = make_key()

    assert re.fullmatch(r"hps_[0-9A-Za-z]{8}_[0-9A-Za-z]{49}", made.text)
    assert id_of(made.text) == made.id
    assert made.hash == hash_of(made.text)
    assert made.text not in made.hash


def test_no_two_keys_are_alike() -> None:
    assert len({make_key().text for _ in range(200)}) == 200


@settings(deadline=None)
@given(position=st.integers(0, 61), letter=st.sampled_from("0aZ_"))
def test_a_mistyped_key_is_recognised(position: int, letter: str) -> None:
    key = make_key().text
    mistyped = key[:position] + letter + key[position + 1 :]

    assert mistyped == key or id_of(mistyped) is None


@settings(deadline=None)
@given(st.text())
def test_any_text_is_a_key_or_none(text: str) -> None:
    assert id_of(text) is None


def test_a_key_lets_in_as_what_it_is(door: Door) -> None:
    key = door.keyring.make("worker", "mine")

    principal = door.knock_with(key)

    assert (principal.scope, principal.project) == ("worker", "mine")


@pytest.mark.parametrize("form", ["bearer {}", "BEARER {}", "Bearer  {} "])
def test_the_scheme_may_be_written_in_any_way(door: Door, form: str) -> None:
    assert door.knock(form.format(door.keyring.make("user"))).scope == "user"


@pytest.mark.catalogue("AU-002")
@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Bearer hps_", "Bearer \xff\xfe", "Bearer " + "x" * 10_000],
)
def test_what_is_no_key_lets_nobody_in(door: Door, header: str | None) -> None:
    with pytest.raises(Unauthenticated):
        door.knock(header)


def test_a_key_must_come_as_a_bearer(door: Door) -> None:
    key = door.keyring.make("user")

    for header in (key, f"Basic {key}", f"Token {key}"):
        with pytest.raises(Unauthenticated):
            door.knock(header)


@pytest.mark.catalogue("AU-003", "AU-005")
def test_unknown_revoked_and_expired_keys_get_the_same_answer(door: Door) -> None:
    keys = [
        make_key().text,
        door.keyring.make("user", revoked_at=1.0),
        door.keyring.make("user", expires_at=door.clock.now - 1),
        door.keyring.make("user", taken_until=door.clock.now - 1),
    ]
    said = set()
    for key in keys:
        with pytest.raises(Unauthenticated) as refused:
            door.knock_with(key)
        said.add((refused.value.message, refused.value.errors))

    assert len(said) == 1


def test_the_right_id_with_another_secret_lets_nobody_in(door: Door) -> None:
    theirs, ours = make_key(), make_key()
    door.keyring.make("admin")
    row = next(iter(door.keyring.rows.values()))
    row.id = theirs.id
    door.keyring.rows[theirs.id] = row

    for key in (theirs.text, ours.text):
        with pytest.raises(Unauthenticated):
            door.knock_with(key)


def test_a_key_is_looked_up_once_in_five_seconds(door: Door) -> None:
    key = door.keyring.make("user")

    for _ in range(10):
        door.knock_with(key)
    assert door.keyring.lookups == 1

    door.clock.move(5.1)
    door.knock_with(key)
    assert door.keyring.lookups == 2


def test_a_revoked_key_is_taken_for_five_seconds_at_most(door: Door) -> None:
    key = door.keyring.make("user")
    principal = door.knock_with(key)
    door.keyring.rows[principal.key_id].revoked_at = door.clock.now
    door.clock.move(5.1)

    with pytest.raises(Unauthenticated):
        door.knock_with(key)


def test_a_key_revoked_here_is_forgotten_at_once(door: Door) -> None:
    key = door.keyring.make("user")
    principal = door.knock_with(key)
    door.keyring.rows[principal.key_id].revoked_at = door.clock.now

    door.authenticator.forget(principal.key_id)

    with pytest.raises(Unauthenticated):
        door.knock_with(key)


def test_twenty_bad_keys_a_minute_are_enough_from_one_address(door: Door) -> None:
    for _ in range(MOST_FAILURES):
        with pytest.raises(Unauthenticated):
            door.knock_with(make_key().text)

    with pytest.raises(RateLimited) as limited:
        door.knock_with(make_key().text)
    with pytest.raises(Unauthenticated):
        door.knock_with(make_key().text, ELSEWHERE)

    assert 0 < (limited.value.retry_after_s or 0) <= 60


def test_a_good_key_is_taken_from_an_address_that_sends_bad_ones(door: Door) -> None:
    good = door.keyring.make("worker")
    for _ in range(MOST_FAILURES):
        with pytest.raises(Unauthenticated):
            door.knock_with(make_key().text)

    assert door.knock_with(good).scope == "worker"


def test_a_minute_later_bad_keys_are_only_refused_again(door: Door) -> None:
    for _ in range(MOST_FAILURES):
        with pytest.raises(Unauthenticated):
            door.knock_with(make_key().text)
    door.clock.move(61)

    with pytest.raises(Unauthenticated):
        door.knock_with(make_key().text)


def test_bad_keys_from_everywhere_do_not_fill_the_memory(door: Door) -> None:
    async def flood() -> None:
        for number in range(10_050):
            with pytest.raises(Unauthenticated):
                await door.authenticator.principal(b"Bearer nonsense", f"address {number}")

    asyncio.run(flood())

    assert len(door.authenticator._failures._times) <= 10_000


def test_without_authentication_everybody_is_admin() -> None:
    authenticator = Authenticator(Keyring().find, required=False)

    assert asyncio.run(authenticator.principal(None, HERE)).scope == "admin"


@pytest.mark.catalogue("AU-003")
def test_an_unknown_id_takes_as_long_as_a_wrong_secret(door: Door) -> None:
    known = door.keyring.make("user", revoked_at=1.0)

    def median_s(key: str) -> float:
        times = []
        for _ in range(200):
            began = time.perf_counter()
            with pytest.raises((Unauthenticated, RateLimited)):
                door.knock_with(key)
            times.append(time.perf_counter() - began)
        return statistics.median(times)

    assert abs(median_s(known) - median_s(make_key().text)) < 0.005


def guarded_client(keyring: Keyring) -> TestClient:
    return TestClient(guarded_api(keyring))


def guarded_api(keyring: Keyring) -> Api:
    routes = Routes("toys")

    @routes.get("/mine", scopes=READERS)
    async def mine(context: Caller) -> Health:
        """Needs a key."""
        return Health(status="ok")

    return toy_api(routes, keyring=keyring)


@pytest.mark.catalogue("AU-008")
def test_two_authorization_headers_let_nobody_in() -> None:
    keyring = Keyring()
    header = ("authorization", f"Bearer {keyring.make('user')}")

    answer = guarded_client(keyring).get("/mine", headers=[header, header])

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


@pytest.mark.catalogue("AU-006")
@pytest.mark.parametrize("place", ["?key={}", "?api_key={}", "?access_token={}", "?authorization=Bearer%20{}"])
def test_a_key_in_the_address_lets_nobody_in(place: str) -> None:
    keyring = Keyring()

    answer = guarded_client(keyring).get("/mine" + place.format(keyring.make("user")))

    assert answer.status_code == 401


def test_a_key_in_a_cookie_lets_nobody_in() -> None:
    keyring = Keyring()
    key = keyring.make("user")

    answer = guarded_client(keyring).get("/mine", headers={"cookie": f"authorization=Bearer {key}; key={key}"})

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.catalogue("AU-021")
def test_a_flood_of_bad_keys_hears_when_to_come_again() -> None:
    client = guarded_client(Keyring())

    answers = [client.get("/mine", headers={"authorization": f"Bearer {make_key().text}"}) for _ in range(25)]

    assert [answer.status_code for answer in answers] == [401] * 20 + [429] * 5
    assert int(answers[-1].headers["retry-after"]) > 0


def statuses_behind_a_proxy(*trusted: str) -> list[int]:
    """What the server as it is put together answers to bad keys, each with another address in X-Forwarded-For."""
    settings = Settings(trusted_proxies=trusted)
    config = uvicorn_config(guarded_api(Keyring()), settings)
    config.load()
    client = TestClient(config.loaded_app)
    return [
        client.get("/mine", headers={"x-forwarded-for": f"192.0.2.{n}", "authorization": "Bearer x"}).status_code
        for n in range(25)
    ]


@pytest.mark.catalogue("AU-027")
def test_an_address_that_a_client_makes_up_does_not_evade_the_limit() -> None:
    assert statuses_behind_a_proxy() == [401] * 20 + [429] * 5
    assert statuses_behind_a_proxy("192.0.2.1") == [401] * 20 + [429] * 5


@pytest.mark.catalogue("AU-027")
def test_the_address_that_a_trusted_proxy_tells_is_counted() -> None:
    assert statuses_behind_a_proxy("testclient") == [401] * 25
