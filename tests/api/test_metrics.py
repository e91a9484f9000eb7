"""What operators see: the numbers at /metrics, and the dashboard and alerts made of them."""

import json
import re
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]  # its types are a package of their own
from prometheus_client.parser import text_string_to_metric_families

from app.services.services import Services
from tests.api.people import Caller

DEPLOY = Path(__file__).parents[2] / "deploy"
OF_PROMETHEUS_ITSELF = {"up"}


def metrics(reader: Caller) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    answer = reader.get("/metrics")
    assert answer.status_code == 200, answer.text
    families = text_string_to_metric_families(answer.text)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


@pytest.fixture
def reader(caller):
    return caller("reader")


def test_metrics_take_a_key_that_may_read(client, worker):
    assert client.get("/metrics").status_code == 401
    assert worker.get("/metrics").status_code == 403


def test_trials_and_studies_are_counted_by_state(user, reader):
    study = user.make_study()
    user.hold(study["id"])

    found = metrics(reader)

    assert found["studyhall_studies", (("state", "active"),)] == 1
    assert found["studyhall_trials", (("state", "running"),)] == 1
    assert found["studyhall_trials", (("state", "waiting"),)] == 0


def test_claims_and_the_trials_they_got_are_counted(user, reader):
    study = user.make_study(budget={"max_trials": 1})
    user.hold(study["id"])
    user.post("/v1/claims", {"token": "t" * 32, "worker": "w-1", "study": study["id"], "wait_s": 0})

    found = metrics(reader)

    assert found["studyhall_claims_total", (("outcome", "trials"),)] == 1
    assert found["studyhall_claims_total", (("outcome", "nothing"),)] == 1
    assert found["studyhall_trials_handed_out_total", ()] == 1


def test_requests_are_counted_by_route_and_never_by_address(user, reader):
    user.get("/v1/studies/nobody-made-this")
    user.get("/no/such/page")

    text = reader.get("/metrics").text

    assert 'studyhall_requests_total{route="get_study",status="404"} 1.0' in text
    assert "nobody-made-this" not in text
    assert "no/such" not in text


def test_an_engine_that_fails_is_counted_as_a_fallback(user, reader):
    study = user.make_study(algorithm={"name": "sobol", "seed": 1})
    user.post("/v1/claims", {"token": "t" * 32, "worker": "w-1", "study": study["id"], "wait_s": 20})

    found = metrics(reader)

    assert found["studyhall_suggestion_fallbacks_total", (("algorithm", "sobol"), ("reason", "failed"))] == 1


def test_commits_and_reads_are_timed(user, reader):
    user.make_study()
    user.get("/v1/studies")

    found = metrics(reader)

    assert found["studyhall_commit_seconds_count", ()] >= 1
    assert found["studyhall_read_seconds_count", ()] >= 1
    assert found["studyhall_write_queue", ()] == 0


def test_metrics_are_told_while_the_database_is_away(reader, services: Services, monkeypatch):
    from studyhall.errors import StorageUnavailable

    async def away(_query):
        raise StorageUnavailable(retry_after_s=1)

    reader.get("/metrics")  # the key is known from now on
    monkeypatch.setattr(services, "read", away)

    assert "studyhall_database_errors_total" in reader.get("/metrics").text


def expressions() -> list[str]:
    board = json.loads((DEPLOY / "grafana" / "studyhall.json").read_text())
    alerts = yaml.safe_load((DEPLOY / "prometheus" / "studyhall-alerts.yml").read_text())
    drawn = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    return drawn + [rule["expr"] for group in alerts["groups"] for rule in group["rules"]]


@pytest.mark.parametrize("expression", expressions())
def test_the_dashboard_and_the_alerts_ask_for_metrics_and_labels_there_are(expression, user, reader):
    study = user.make_study(algorithm={"name": "sobol", "seed": 1})
    user.post("/v1/claims", {"token": "t" * 32, "worker": "w-1", "study": study["id"], "wait_s": 20})
    families = text_string_to_metric_families(reader.get("/metrics").text)
    there = {name for f in families for name in (f.name, *(s.name for s in f.samples))}
    there |= {f"{f}_bucket" for f in there} | OF_PROMETHEUS_ITSELF

    named = set(re.findall(r"\b((?:studyhall|process)_\w+|up)\b(?=[{\[ )]|$)", expression))

    assert named
    assert named <= there
