"""What `studyhall doctor` finds, and what it says to do."""

from datetime import UTC, datetime, timedelta

import pytest

from studyhall.cli import main
from studyhall.commands.doctor import compare_clocks, compare_versions

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SERVER = {"version": "0.1.0", "now": "2026-11-23T12:00:00Z", "database": "sqlite", "engines": 1, "writes_waiting": 0}


def page(*items):
    return {"items": list(items)}


def found(run, **server):
    routes = {"GET /v1/server": SERVER | server, "GET /v1/workers": page(), "GET /readyz": {"status": "ok"}}
    code = (made := run(routes))("doctor", "--json")
    return code, {finding["subject"]: finding for finding in made.json}


def test_a_healthy_server_has_no_fault(command_line):
    code, findings = found(command_line)

    assert code == 0
    assert findings["database"]["fact"] == "sqlite answers"
    assert findings["engine"]["sign"] == "ok"


def test_a_server_without_workers_is_a_note_that_says_how_to_start_one(command_line):
    _, findings = found(command_line)

    assert findings["workers"]["sign"] == "note"
    assert "studyhall worker" in findings["workers"]["advice"]


def test_a_dead_engine_is_a_fault(command_line):
    code, findings = found(command_line, engines=0)

    assert code == 1
    assert findings["engine"]["sign"] == "wrong"


def test_a_server_of_another_version_is_a_fault_that_says_what_to_install(command_line):
    code, findings = found(command_line, version="3.2.1")

    assert code == 1
    assert findings["version"]["advice"] == "pip install 'studyhall==3.*'"


def test_a_server_that_is_away_is_a_fault(home, capsys, monkeypatch):
    monkeypatch.setenv("STUDYHALL_URL", "http://127.0.0.1:9")

    assert main(["doctor", "--text"], patience_s=0) == 1

    out = capsys.readouterr().out
    assert "FAIL  server" in out
    assert "studyhall up" in out


@pytest.mark.parametrize(
    ("here", "there", "fits"),
    [("1.2.0", "1.9.3", True), ("1.2.0", "2.0.0", False), ("0.1.0", "0.1.4", True), ("0.1.0", "0.2.0", False)],
)
def test_one_major_version_fits_and_below_one_one_minor_version(here, there, fits):
    assert (compare_versions(here, there).sign == "ok") is fits


def test_a_clock_that_is_wrong_is_told_by_how_much():
    assert compare_clocks(NOW, NOW, NOW).sign == "ok"
    assert "90 s apart" in compare_clocks(NOW + timedelta(seconds=90), NOW, NOW).fact


def test_the_real_server_is_well(door, home, monkeypatch, capsys):
    monkeypatch.setenv("STUDYHALL_URL", "http://testserver")
    monkeypatch.setenv("STUDYHALL_KEY", door.key)

    main(["doctor", "--text"], transport=door.transport, patience_s=0)

    out = capsys.readouterr().out
    assert "ok    version  client and server are" in out
    assert "ok    clock    this machine and the server agree" in out
