"""Trials as one file over HTTP."""

import json
import sys
from collections.abc import Sequence
from typing import Any

import pytest

from app.services import exporting
from studyhall.trial import Trial
from tests.api.people import Caller


@pytest.fixture
def study(user: Caller, worker: Caller) -> str:
    study = str(user.make_study()["id"])
    for _ in range(5):
        hold = worker.hold(study)
        worker.post(f"{hold.path}/complete", hold.lease | {"metrics": {"loss": 0.5}})
    return study


@pytest.mark.parametrize("format", ["jsonl", "csv", "parquet"])
def test_a_file_is_sent_in_pieces_of_a_few_trials_each(
    user: Caller, study: str, format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds: dict[str, Any] = {"jsonl": exporting.JsonLines, "csv": exporting.Csv, "parquet": exporting.Parquet}
    write = kinds[format].write
    held: list[int] = []

    def noted(self: Any, trials: Sequence[Trial]) -> bytes:
        held.append(len(trials))
        return bytes(write(self, trials))

    monkeypatch.setattr(exporting, "PORTION", 2)
    monkeypatch.setattr(kinds[format], "write", noted)

    answer = user.get(f"/v1/studies/{study}/export?format={format}")

    assert answer.status_code == 200
    assert answer.headers["content-disposition"].endswith(f'.{format}"')
    assert held == [2, 2, 1]


def test_a_line_is_a_trial_as_the_api_tells_it(user: Caller, study: str) -> None:
    lines = user.get(f"/v1/studies/{study}/export").text.splitlines()

    assert [json.loads(line) for line in lines] == user.get(f"/v1/studies/{study}/trials").json()["items"]


def test_an_unknown_format_is_named(user: Caller, study: str) -> None:
    answer = user.get(f"/v1/studies/{study}/export?format=xlsx")

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/query/format"


def test_a_server_without_pyarrow_says_what_it_can_do(
    user: Caller, study: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    answer = user.get(f"/v1/studies/{study}/export?format=parquet")

    assert answer.status_code == 422
    assert "ask for csv or jsonl" in answer.json()["errors"][0]["message"]


def test_a_study_of_another_project_is_not_there(caller, study: str) -> None:
    assert caller("reader", "elsewhere").get(f"/v1/studies/{study}/export").status_code == 404
