"""Who asks in tests: keys of every scope, in several projects, and a caller for each."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from fastapi import FastAPI
from httpx2 import Client, Response
from starlette.testclient import TestClient

from app.api.application import Api
from app.api.auth import Authenticator
from app.api.limits import Limits
from app.search.engine import Suggestion
from app.services.engine_pool import EngineFailed, SuggestRequest
from app.services.key_text import make_key
from app.services.services import Services
from app.storage.rows import KeyRow
from studyhall.trial import Prediction

SPACE = {"parameters": [{"name": "x", "type": "float", "low": 0.0, "high": 1.0}]}


class Keyring:
    """Keys that exist only here: `find` stands for the database's look-up."""

    def __init__(self) -> None:
        self.rows: dict[str, KeyRow] = {}
        self.lookups = 0

    def make(self, scope: str, project: str = "default", **columns: Any) -> str:
        """A new key's text."""
        made = make_key()
        row: dict[str, Any] = {
            "id": made.id,
            "project": project,
            "name": scope,
            "scope": scope,
            "study_id": None,
            "hash": made.hash,
            "created_at": 0.0,
            "expires_at": None,
            "revoked_at": None,
        }
        self.rows[made.id] = KeyRow(**(row | columns))
        return made.text

    async def find(self, key_id: str) -> KeyRow | None:
        self.lookups += 1
        return self.rows.get(key_id)


class NoEngines:
    """A pool for tests in which nobody asks an engine."""

    alive = 0

    async def suggest(self, request: SuggestRequest) -> tuple[Suggestion, ...]:
        raise EngineFailed("there is no engine in this test")

    async def predict(self, request: SuggestRequest) -> tuple[Prediction, ...]:
        raise EngineFailed("there is no engine in this test")


def make_services(url: str) -> Services:
    """Services whose sweeper does not disturb a short test."""
    return Services(url, NoEngines(), sweep_s=60.0)


def make_api(services: Services, keyring: Keyring, hosts: tuple[str, ...] = ("testserver",)) -> Api:
    """The house's API; its lifespan starts and stops the services."""

    @asynccontextmanager
    async def running(_app: FastAPI) -> AsyncIterator[None]:
        await services.start()
        yield
        await services.stop()

    return Api(
        services=services,
        authenticator=Authenticator(keyring.find),
        limits=Limits(),
        hosts=hosts,
        lifespan=running,
    )


class Caller:
    """Somebody with a key."""

    def __init__(self, client: TestClient | Client, key: str | None) -> None:
        self._client = client
        self._headers = {} if key is None else {"authorization": f"Bearer {key}"}

    def __call__(self, method: str, path: str, *, headers: dict[str, str] | None = None, **rest: Any) -> Response:
        return self._client.request(method, path, headers=self._headers | (headers or {}), **rest)

    def get(self, path: str, **rest: Any) -> Response:
        return self("GET", path, **rest)

    def post(self, path: str, json: Any = None, **rest: Any) -> Response:
        return self("POST", path, **({"json": json} if json is not None else {}), **rest)

    def patch(self, path: str, json: Any, **rest: Any) -> Response:
        return self("PATCH", path, json=json, **rest)

    def delete(self, path: str, **rest: Any) -> Response:
        return self("DELETE", path, **rest)

    def make_study(self, **fields: Any) -> Any:
        """A new study that asks no engine process; `fields` replace the defaults."""
        answer = self.post("/v1/studies", definition(**fields))
        assert answer.status_code == 201, answer.text
        return answer.json()

    def hold(self, study: str) -> "Hold":
        """Claims one trial of a study."""
        token = uuid4().hex
        answer = self.post("/v1/claims", {"token": token, "worker": "w-1", "study": study, "wait_s": 0})
        assert answer.status_code == 200, answer.text
        claimed = answer.json()["trials"][0]
        return Hold(claimed["trial"]["id"], {"attempt": claimed["attempt"], "token": token})


class Hold:
    """A trial somebody holds, and what each write to it carries."""

    def __init__(self, trial: str, lease: dict[str, Any]) -> None:
        self.trial = trial
        self.lease = lease

    @property
    def path(self) -> str:
        return f"/v1/trials/{self.trial}"


def definition(**fields: Any) -> dict[str, Any]:
    """What to POST to make a study."""
    usual = {
        "name": f"study-{uuid4().hex[:8]}",
        "space": SPACE,
        "objectives": [{"metric": "loss"}],
        "algorithm": {"name": "random", "seed": 1},
    }
    return usual | fields
