"""What a person says of a result, over HTTP, is what a real engine knows when it is asked next."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from app.config import EngineSettings, Settings
from app.main import create_app
from tests.api.people import Caller

SPACE = {"parameters": [{"name": name, "type": "float", "low": 0.0, "high": 1.0} for name in "xy"]}
RESULTS = [
    {
        "parameters": {"x": n / 12, "y": (5 * n % 12) / 12},
        "state": "completed",
        "metrics": {"loss": (n / 12 - 0.5) ** 2},
    }
    for n in range(12)
]


@pytest.fixture
def admin(database_url: str, tmp_path: Path) -> Iterator[Caller]:
    engine = EngineSettings(processes=1, limit_s=60.0)  # also where other work keeps the machine busy
    settings = Settings(
        database_url=database_url, first_key_file=tmp_path / "key", hosts=("testserver",), engine=engine
    )
    with TestClient(create_app(settings)) as client:
        yield Caller(client, (tmp_path / "key").read_text().strip())


def searched(admin: Caller) -> tuple[str, str]:
    """A study whose engine has seen twelve results and has been asked once; and its best trial."""
    study = admin.make_study(space=SPACE, algorithm={"name": "tpe", "seed": 1})["id"]
    admin.post(f"/v1/studies/{study}/trials", {"trials": RESULTS})
    suggest(admin, study)
    return study, admin.get(f"/v1/studies/{study}/best").json()["trials"][0]["id"]


def suggest(admin: Caller, study: str) -> Any:
    """The next suggestion, which is then told to be of no use."""
    token = uuid4().hex
    answer = admin.post("/v1/claims", {"token": token, "worker": "w-1", "study": study, "wait_s": 60})
    (claimed,) = answer.json()["trials"]
    assert claimed["trial"]["source"] == "model"
    told = {"attempt": claimed["attempt"], "token": token, "metrics": {"loss": 1.0}}
    assert admin.post(f"/v1/trials/{claimed['trial']['id']}/complete", told).status_code == 200
    return claimed["trial"]["parameters"]


def test_an_excluded_and_a_corrected_result_change_the_next_suggestion_and_an_exclusion_undone_does_not(
    admin: Caller,
) -> None:
    (untouched, _), (excluded, first), (corrected, second), (undone, third) = (searched(admin) for _ in range(4))

    admin.patch(f"/v1/trials/{first}", {"excluded": True})
    admin.patch(f"/v1/trials/{second}", {"metrics": {"loss": 5.0}})
    for truth in (True, False):
        admin.patch(f"/v1/trials/{third}", {"excluded": truth})
    usual = suggest(admin, untouched)

    assert suggest(admin, undone) == usual
    assert suggest(admin, excluded) != usual
    assert suggest(admin, corrected) != usual
    told = {(line["action"], line["subject"]) for line in admin.get("/v1/audit").json()["items"]}
    assert told >= {("trial.excluded", first), ("trial.corrected", second), ("trial.included", third)}
