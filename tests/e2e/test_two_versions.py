"""The servers of a release and of today on one PostgreSQL database, as they are while one replaces the other."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from studyhall.client import Client
from studyhall.commands.children import Child, Children
from studyhall.commands.processes import program_arguments
from studyhall.home import read_key
from tests.e2e.house import GRACE_S, READY_S, ROOT
from tests.storage.released_database import RELEASED, code_of

SPACE = [{"name": "x", "type": "float", "low": 0, "high": 1}]
Start = Callable[[str, str], tuple[Child, Client]]


@pytest.fixture
def start(empty_postgres_url: str, tmp_path: Path) -> Iterator[Start]:
    """Starts a server from a tree of code."""
    children, key, clients = Children(tmp_path / "logs"), tmp_path / "key", []

    def run(name: str, tree: str) -> tuple[Child, Client]:
        environment = {
            "PYTHONPATH": tree,
            "STUDYHALL_DATABASE_URL": empty_postgres_url,
            "STUDYHALL_ENGINE__PROCESSES": "0",  # chance is asked, which needs none
        }
        server = children.start(name, program_arguments("serve", ["--port", "0", "--key-file", str(key)]), environment)
        clients.append(Client(server.wait_until_ready(READY_S), read_key(key)))
        return server, clients[-1]

    yield run
    for client in clients:
        client.close()
    children.stop(GRACE_S)


def evaluate(client: Client, name: str) -> None:
    study = client.create_study(name, SPACE, {"metric": "loss"}, algorithm={"name": "random"}, if_exists="get")
    with study.ask() as trial:
        trial.report(1, loss=1.0)
        trial.complete(loss=trial.parameters["x"])


@pytest.mark.slow
@pytest.mark.parametrize("release", RELEASED, ids=lambda path: path.stem)
def test_a_server_of_a_release_works_on_beside_this_one_and_may_start_anew(
    start: Start, release: Path, tmp_path: Path
) -> None:
    if not code_of(release, tmp_path / "old"):
        pytest.skip("NO HISTORY: the code of that release is not at hand")
    older, asking_older = start("older", str(tmp_path / "old"))
    evaluate(asking_older, "made by the older")

    _, asking_newer = start("newer", ROOT)  # brings the schema to its own version, below the older one
    for client in (asking_older, asking_newer) * 2:
        evaluate(client, "made by the older")
        evaluate(client, "made by both")

    older.ask_to_end()
    older.wait_or_kill(GRACE_S)
    _, asking_again = start("older again", str(tmp_path / "old"))
    evaluate(asking_again, "made by both")
    assert asking_newer.study("made by the older").definition.trials.completed == 5
    assert asking_newer.study("made by both").definition.trials.completed == 5
