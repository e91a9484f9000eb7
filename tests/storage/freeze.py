"""`python -m tests.storage.freeze 0.1.0`: keeps the database that a release writes, for the tests of upgrades.

Run once at each release, with its code. What it writes is never made anew: it is how that release's tables and rows
were, whatever the code becomes.
"""

import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from starlette.testclient import TestClient

from app.config import AuthSettings, Settings, WebhookSettings
from app.main import create_app
from app.storage import migrate
from studyhall.client import Client
from studyhall.transport import Connection

CODE = "-- written by the code of commit "
RELEASED = Path(__file__).parent / "released"
SERVER = "http://testserver"
SPACE = [
    {"name": "lr", "type": "float", "low": 1e-5, "high": 0.1, "scale": "log"},
    {"name": "act", "type": "categorical", "choices": ["relu", None, 2, True], "default": None},
]
NETWORK = {"input": [1, 8, 8], "output": 10, "body": [{"op": "conv", "out": {"choice": [4, 8]}}, {"op": "gap"}]}


@contextmanager
def server_on(url: str) -> Iterator[Client]:
    """This version's server on a database, asked by somebody who may do everything."""
    migrate.upgrade(url)
    settings = Settings(
        database_url=url,
        hosts=("testserver",),
        auth=AuthSettings(required=False),
        webhooks=WebhookSettings(origins=("http://127.0.0.1:9",)),
    )
    with TestClient(create_app(settings), base_url=SERVER) as testing:
        yield Client(connection=Connection(SERVER, transport=testing._transport, patience_s=0), worker="frozen")


def fill(client: Client) -> None:
    """A bit of everything that the database keeps."""
    study = client.create_study(
        "of-all-states",
        SPACE,
        {"metric": "loss"},
        algorithm={"name": "random", "seed": 7},
        constraints=["latency_ms <= 20"],
        labels={"team": "vision"},
    )
    with study.ask() as trial:
        trial.report_many({1: {"loss": 0.9}, 2: {"loss": 0.5, "latency_ms": 9.0}})
        trial.complete(loss=0.4, latency_ms=9.0)
    with study.ask() as trial:
        trial.report(1, loss=0.8, latency_ms=30.0)
        trial.prune()
    study.ask().infeasible("out of memory")
    study.ask().fail("a fault of the code")
    client.cancel_trial(study.ask().id)
    study.queue({"lr": 0.01}, labels={"by": "hand"})
    client.change_trial(next(study.trials(number=[0])).id, note="kept", labels={"seen": "yes"})
    study.share(name="a colleague")
    client.create_webhook("http://127.0.0.1:9/hook", study=study.id)
    networks = client.create_study("networks", {"parameters": SPACE, "architecture": NETWORK}, {"metric": "loss"})
    networks.queue({})
    ended = client.create_study("put-away", SPACE, [{"metric": "a"}, {"metric": "b", "goal": "maximize"}])
    ended.add({"parameters": {"lr": 0.1, "act": 2}, "metrics": {"a": 1.0, "b": 2.0}, "state": "completed"})
    ended.stop(mode="kill")
    ended.archive()


def _commit() -> str:
    asked = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True, cwd=RELEASED)
    return asked.stdout.strip()


def main(version: str) -> None:
    """Writes `released/VERSION.sql`."""
    kept = RELEASED / f"{version}.sql"
    if kept.exists():
        sys.exit(f"{kept} is there: what a release wrote does not change")
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "studyhall.db"
        with server_on(f"sqlite:///{file}") as client:
            fill(client)
        with sqlite3.connect(file) as database:
            database.execute("UPDATE webhooks SET secret = 'frozen'")
            kept.write_text("\n".join([CODE + _commit(), *database.iterdump(), ""]), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
