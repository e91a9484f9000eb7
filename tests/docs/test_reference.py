"""The REST reference: an example of every operation, played by curl and by Python; and the site it is part of."""

import os
import shutil
import subprocess
import sys
import uuid
from contextlib import suppress

import httpx2
import pytest

from app.api.application import ROUTES
from app.api.documented import describe
from docs.reference.curl import curl_of
from docs.reference.examples import EXAMPLES
from docs.reference.links import faults_of
from docs.reference.pages import subjects_of
from studyhall.client import Client
from studyhall.errors import NotFound, StudyhallError
from studyhall.home import read_key
from studyhall.wire.fleet import RegisterWorker, Worker
from tests.docs.blocks import ROOT
from tests.docs.conftest import make_digits
from tests.docs.players import Shell

OPERATIONS = {
    operation["operationId"]: (method, path, operation)
    for operations in subjects_of(describe(ROUTES, version="0")).values()
    for method, path, operation in operations
}
_LR = {"name": "lr", "type": "float", "low": 1e-5, "high": 0.1, "scale": "log"}
_NETWORK = {"input": [4], "output": 2, "body": [{"op": "linear", "out": {"choice": [4, 8]}}]}

pytestmark = pytest.mark.xdist_group("docs")


def test_every_operation_has_an_example():
    assert set(EXAMPLES) == set(OPERATIONS)


@pytest.fixture(scope="module")
def client(house, tmp_path_factory):
    """A client of its own; the study of the pages comes back when the examples have been played."""
    with Client(house.url, read_key(house.directory / "key")) as client:
        yield client
        forget_digits(client)
        make_digits(house)


@pytest.fixture
def played(client, house, tmp_path, monkeypatch):
    """What an example may name: a study with three results, a trial, a worker, a key."""
    monkeypatch.chdir(tmp_path)
    client.connection.post("/v1/workers", RegisterWorker(name="gpu-box", version="0.1.0"), Worker)
    yield {"client": client, "URL": house.url, "KEY": read_key(house.directory / "key")}
    for study in client.studies():
        if study.name == "small":
            client.study(study.id).delete(force=True)
    for webhook in client.webhooks():
        client.delete_webhook(webhook.id)


def forget_digits(client):
    with suppress(NotFound):
        study = client.study("digits")
        with suppress(StudyhallError):
            study.unarchive()
        study.delete(force=True)


def made(names, example):
    """A new `digits`, and the trial that an example is about."""
    client, kind = names["client"], example.trial
    forget_digits(client)
    space = {"parameters": [_LR]} | ({"architecture": _NETWORK} if kind == "network" else {})
    study = client.create_study("digits", space, {"metric": "loss"}, algorithm={"name": "random", "seed": 1})
    if kind != "network":
        study.add(
            *({"parameters": {"lr": x}, "metrics": {"loss": x}, "state": "completed"} for x in (0.001, 0.01, 0.1))
        )
    trial = study.ask()
    trial.report(0, loss=1.0)
    httpx2.post(
        f"{names['URL']}/v1/trials/{trial.id}/artifacts",
        params={"name": "model.txt", "attempt": 1},
        headers={
            "Authorization": f"Bearer {names['KEY']}",
            "X-Lease-Token": trial._token,
            "Content-Type": "application/octet-stream",
        },
        content=b"y = 2 x",
    ).raise_for_status()
    if kind == "completed":
        trial.complete(loss=1.0)
    if example.study != "active":
        study.stop(mode="kill")
    if example.study == "archived":
        study.archive()
    ids = {
        "KEY_ID": client.create_key("to-revoke", "reader").id,
        "SHARE_ID": study.share().id,
        "WEBHOOK_ID": client.create_webhook("https://hooks.example.com/one").id,
    }
    return names | ids | {"study": study, "trial": trial, "TOKEN": trial._token}


@pytest.mark.parametrize("operation", sorted(EXAMPLES))
def test_an_example_works_in_python(operation, played):
    example = EXAMPLES[operation]

    exec(compile(example.python, operation, "exec"), made(played, example))  # noqa: S102 -- an example of ours


@pytest.mark.skipif(shutil.which("curl") is None, reason="NO curl: its examples are not run")
@pytest.mark.parametrize("operation", sorted(EXAMPLES))
def test_an_example_works_with_curl(operation, played, tmp_path):
    method, path, described = OPERATIONS[operation]
    example = EXAMPLES[operation]
    names = made(played, example)
    words = {name: value for name, value in names.items() if isinstance(value, str)}
    environment = os.environ | words | {"TRIAL": names["trial"].id, "NEW_TOKEN": uuid.uuid4().hex}

    with Shell(tmp_path, environment) as shell:
        shell.run(curl_of(method, path, example, has_key=bool(described.get("security"))))


def test_the_site_is_built_without_a_warning_and_fetches_nothing(tmp_path):
    # In a copy: the reference is written beside the pages, and other tests build archives of the checkout meanwhile.
    for name in ("docs", "examples"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("rest", "__pycache__"))
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / name)

    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "sphinx",
            "-W",
            "--keep-going",
            "-q",
            "-b",
            "html",
            tmp_path / "docs",
            tmp_path / "site",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "rest" / "studies.html").exists()


@pytest.mark.parametrize(
    ("page", "fault"),
    [
        ('<a href="gone.html">', "links to gone.html"),
        ('<a href="#nowhere">', "links to #nowhere"),
        ('<script src="https://cdn.example/x.js">', "fetches https://cdn.example/x.js"),
    ],
)
def test_a_page_that_leads_nowhere_or_fetches_something_is_found(page, fault, tmp_path):
    (tmp_path / "index.html").write_text(page)

    assert [found.partition(" ")[2] for found in faults_of(tmp_path)] == [fault]
