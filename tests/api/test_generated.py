"""Requests that nobody thought of, generated from the OpenAPI document: good ones and bad ones, against a real server.

Alone, and in journeys in which an answer's ids are what the next request is about. Few here, and always the same;
`STUDYHALL_EXAMPLES=500 python -m pytest tests/api/test_generated.py` looks harder.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from schemathesis.specs.openapi.checks import positive_data_acceptance

from app.api.application import ROUTES
from app.api.documented import describe
from app.api.limits import Limits
from tests.api.live import live
from tests.api.people import Keyring, definition, make_api, make_services

EXAMPLES = int(os.environ.get("STUDYHALL_EXAMPLES", "4"))


KEYRING = Keyring()
KEY = KEYRING.make("admin")
NOT_IN_SCHEMAS = [
    # A cursor is a string, and a space an object: which of them fit no schema can say.
    positive_data_acceptance,
]


class World:
    """A server with something in it, so that requests find more than nothing."""

    def __init__(self, url: str) -> None:
        self.url = url
        with httpx2.Client(base_url=url, headers={"authorization": f"Bearer {KEY}"}) as client:
            self.study = client.post("/v1/studies", json=definition()).json()["id"]
            claim = {"token": uuid4().hex, "worker": "w-1", "study": self.study, "wait_s": 0}
            self.trial = client.post("/v1/claims", json=claim).json()["trials"][0]["trial"]["id"]

    def found(self, name: str, made_up: Any) -> Any:
        """Something that exists in the place of something made up, half of the time."""
        known = {"study": self.study, "trial": self.trial}.get(name)
        return known if known is not None and len(str(made_up)) % 2 else made_up


@pytest.fixture(scope="module")
def world(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    database = tmp_path_factory.mktemp("generated") / "studyhall.db"
    shutil.copy(migrated_sqlite, database)
    api = make_api(make_services(f"sqlite:///{database}"), KEYRING, hosts=("127.0.0.1",))
    with pytest.MonkeyPatch.context() as patch, live(api, Limits()) as (host, port):
        patch.setattr("app.api.auth.MOST_FAILURES", 10**9)  # wrong keys are a part of the game here
        yield World(f"http://{host}:{port}")


document = schemathesis.openapi.from_dict(describe(ROUTES, version="0"))


@document.auth()
class Bearer:
    """Sends the key, in a way that the checks know to leave out."""

    def get(self, case: Any, context: Any) -> str:
        return KEY

    def set(self, case: Any, data: str, context: Any) -> None:
        case.headers["Authorization"] = f"Bearer {data}"


def hasten(case: Any) -> None:
    """Makes a valid wait short: a test does not wait for what will not happen."""
    if case.operation.path == "/v1/claims" and isinstance(case.body, dict):
        case.body.setdefault("wait_s", 0)
    for values in (case.body, case.query):
        wait_s = values.get("wait_s") if isinstance(values, dict) else None
        if isinstance(wait_s, int | float) and wait_s > 0:
            values["wait_s"] = 0 if wait_s <= 60 else wait_s


SETTINGS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    stateful_step_count=12,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.slow
@document.parametrize()
@SETTINGS
def test_a_generated_request_is_answered_as_documented(case: Any, world: World) -> None:
    case.path_parameters = {name: world.found(name, value) for name, value in (case.path_parameters or {}).items()}

    hasten(case)

    case.call_and_validate(base_url=world.url, excluded_checks=NOT_IN_SCHEMAS)


@pytest.mark.slow
def test_a_generated_journey_is_answered_as_documented(world: World) -> None:
    class Journey(document.as_state_machine()):  # type: ignore[misc]  # made at run time, from the document
        """Any operation after any other whose answer names what it is about: 400 ways to go on."""

        def before_call(self, case: Any) -> None:
            made_up = case.path_parameters or {}
            case.path_parameters = {name: world.found(name, value) for name, value in made_up.items()}
            hasten(case)

        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            # Here schemathesis does not use the document's `auth`; without a key a journey ends where it begins.
            return {"base_url": world.url, "headers": {"Authorization": f"Bearer {KEY}"}}

        def validate_response(self, response: Any, case: Any, *_: Any, **__: Any) -> None:
            case.validate_response(response, excluded_checks=NOT_IN_SCHEMAS, recorder=self.recorder)

    run_state_machine_as_test(Journey, settings=SETTINGS)
