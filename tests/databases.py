"""A migrated database of each kind for one test, and a house of services on it whose clock the test moves."""

import json
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import pytest

from app.services.claiming import answer, claim_trials
from app.services.principal import Principal
from app.services.studies import create_study
from app.services.sweeping import Watch, sweep
from app.storage import migrate, reader
from app.storage.committed import Committed
from app.storage.database import Database
from app.storage.transaction import Transaction
from studyhall.study import Study
from studyhall.wire.claims import Claim, ClaimedTrial
from studyhall.wire.studies import CreateStudy

T = TypeVar("T")

ADMIN = Principal("admin", "default", "admin")
STRANGER = Principal("stranger", "other", "admin")
SPACE = {
    "parameters": [
        {"name": "x", "type": "float", "low": 0.0, "high": 1.0},
        {"name": "kind", "type": "categorical", "choices": ["a", "b"]},
        {"name": "depth", "type": "int", "low": 1, "high": 4, "when": "kind == 'b'"},
    ]
}


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file on which the migrations have been run; copied for each test."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    """The URL of a fresh, migrated SQLite file."""
    path = tmp_path / "studyhall.db"
    shutil.copy(migrated_sqlite, path)
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a fresh, migrated database of each kind."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


class Clock:
    """A clock that moves when told to."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += seconds


class House:
    """The services' verbs on one database, without a server around them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.clock = Clock()
        self.commits: list[Committed] = []
        self.database = Database(url, self.commits.append, clock=self.clock)
        self.watch = Watch(self.clock.now - 10_000, self.clock.now)

    def do(self, verb: Callable[..., T], *args: Any, by: Principal = ADMIN, **kwargs: Any) -> T:
        """Runs a verb `verb(tx, principal, ...)` in a transaction of its own."""
        return self.database.writer.write_now(lambda tx: verb(tx, by, *args, **kwargs))

    def ask(self, query: Callable[..., T], **kwargs: Any) -> T:
        """Runs a query `query(connection, ...)`."""
        return self.database.read_now(partial(query, **kwargs))

    def study(self, **fields: Any) -> Study:
        """Makes a study; `fields` replace the defaults."""
        body = {
            "name": f"study-{uuid4().hex[:8]}",
            "space": SPACE,
            "objectives": [{"metric": "loss"}],
            "algorithm": {"name": "random", "seed": 1},
        }
        request = CreateStudy.model_validate_json(json.dumps(body | fields))
        made, _ = self.do(create_study, request, by=ADMIN)
        return made

    def claim(
        self, study: str | None, *, count: int = 1, token: str | None = None, **fields: Any
    ) -> list[ClaimedTrial]:
        """Claims trials, as `worker` unless said otherwise."""
        request = Claim(token=token or new_token(), study=study, count=count, **({"worker": "worker"} | fields))

        def verb(tx: Transaction, principal: Principal) -> list[ClaimedTrial]:
            return list(answer(tx, claim_trials(tx, principal, request)).trials)

        return self.do(verb)

    def hold(self, study: str, **fields: Any) -> "Held":
        """Claims one trial and keeps its token."""
        token = new_token()
        (claimed,) = self.claim(study, token=token, **fields)
        return Held(claimed.trial.id, claimed.attempt, token, claimed)

    def sweep(self) -> int:
        """One round of the sweeper, both clocks in step."""
        return self.database.writer.write_now(partial(sweep, watch=self.watch, monotonic=self.clock.now))

    def pass_time(self, seconds: float) -> None:
        """Lets time pass, the sweeper's rounds included."""
        self.sweep()
        self.clock.move(seconds)
        self.sweep()

    def study_row(self, study_id: str) -> Any:
        """The stored row of a study."""
        return self.ask(reader.study_by_id, study_id=study_id)


class Held:
    """A trial that the test holds as a worker would."""

    def __init__(self, id: str, attempt: int, token: str, claimed: ClaimedTrial) -> None:
        self.id, self.attempt, self.token, self.claimed = id, attempt, token, claimed

    @property
    def lease(self) -> dict[str, Any]:
        """What each of its writes carries."""
        return {"attempt": self.attempt, "token": self.token}


@pytest.fixture
def house(database_url: str) -> Iterator[House]:
    """The services on each kind of database."""
    made = House(database_url)
    yield made
    made.database.close()


def new_token() -> str:
    """A fresh secret, as a client makes them."""
    return uuid4().hex
