"""Several servers and an engine process of its own on one PostgreSQL database, as a cluster runs them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path

import pytest

from studyhall.client import Client
from studyhall.commands.children import Children
from studyhall.commands.processes import program_arguments
from studyhall.home import read_key
from tests.e2e.house import GRACE_S, READY_S

SPACE = [{"name": "x", "type": "float", "low": 0, "high": 1}]


@pytest.fixture
def servers(postgres_url: str, tmp_path: Path) -> Iterator[list[Client]]:
    """Clients of two servers without engines; the engine runs beside them."""
    children = Children(tmp_path / "logs")
    environment = {
        "STUDYHALL_DATABASE_URL": postgres_url,
        "STUDYHALL_ENGINE__PROCESSES": "0",
        "STUDYHALL_ENGINE__LIMIT_S": "60",
        "STUDYHALL_FIRST_KEY_FILE": str(tmp_path / "key"),
    }
    first = children.start("first", program_arguments("serve", ["--port", "0"]), environment)
    urls = [first.wait_until_ready(READY_S)]
    second = children.start("second", program_arguments("serve", ["--port", "0"]), environment)
    engine = children.start("engine", program_arguments("engine", []), environment)
    urls.append(second.wait_until_ready(READY_S))
    engine.wait_until_ready(READY_S)
    clients = [Client(url, read_key(tmp_path / "key")) for url in urls]
    yield clients
    for client in clients:
        client.close()
    children.stop(GRACE_S)


def test_a_study_runs_through_two_servers_in_turn(servers: list[Client]) -> None:
    study = servers[0].create_study("shared", SPACE, {"metric": "loss"}, algorithm="sobol", budget={"max_trials": 8})
    turns = cycle(servers)

    for _ in range(8):
        trial = next(turns).study(study.id).ask()
        next(turns).study(study.id).tell(trial, 0.5)

    found = list(servers[1].study(study.id).trials())
    assert [trial.number for trial in found] == list(range(8))
    assert {trial.state for trial in found} == {"completed"}
    assert "model" in {trial.source for trial in found}, "the engine process suggested nothing"
    assert servers[1].study(study.id).refresh().state == "completed"


def test_a_claim_that_waits_at_one_server_is_woken_by_the_other(servers: list[Client]) -> None:
    study = servers[0].create_study("paused", SPACE, {"metric": "loss"}, algorithm="random")
    servers[0].study(study.id).pause()
    with ThreadPoolExecutor() as threads:
        claimed = threads.submit(servers[0].study(study.id).ask)

        servers[1].study(study.id).resume()

        assert claimed.result(60).number == 0
