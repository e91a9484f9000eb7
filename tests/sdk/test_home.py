"""Which server and which key a command or a script talks to when nobody says."""

import stat

import pytest

from studyhall.errors import InvalidInput, Unauthenticated, Unreachable
from studyhall.home import find_server, remember_server


@pytest.fixture
def home(tmp_path):
    (tmp_path / "key").write_text("remembered-key\n")
    remember_server(tmp_path, "http://127.0.0.1:8000", tmp_path / "key")
    return {"STUDYHALL_HOME": str(tmp_path)}


def test_what_was_remembered_is_used_last(home):
    assert find_server(environment=home) == ("http://127.0.0.1:8000", "remembered-key")


def test_arguments_come_before_the_environment(home):
    environment = home | {"STUDYHALL_URL": "http://b", "STUDYHALL_KEY": "b"}

    assert find_server("http://a", "a", environment=environment) == ("http://a", "a")
    assert find_server(environment=environment) == ("http://b", "b")


def test_the_remembered_key_never_goes_to_another_server(home):
    assert find_server("http://evil.test", environment=home) == ("http://evil.test", None)


def test_a_key_may_be_in_a_file(home, tmp_path):
    (tmp_path / "other").write_text("  other-key \n")

    assert find_server(environment=home | {"STUDYHALL_KEY_FILE": str(tmp_path / "other")}).key == "other-key"
    assert find_server(key_file=str(tmp_path / "other"), environment=home).key == "other-key"


def test_without_any_server_the_next_step_is_said(tmp_path):
    with pytest.raises(Unreachable, match="run 'studyhall up'"):
        find_server(environment={"STUDYHALL_HOME": str(tmp_path)})


def test_a_key_file_that_is_not_there_is_named(home):
    with pytest.raises(Unauthenticated, match="/nowhere/key cannot be read"):
        find_server(key_file="/nowhere/key", environment=home)


def test_a_damaged_memory_is_named(home, tmp_path):
    (tmp_path / "client.json").write_text("{")

    with pytest.raises(InvalidInput, match=r"client\.json is damaged"):
        find_server(environment=home)


def test_only_its_owner_can_read_what_is_remembered(home, tmp_path):
    assert stat.S_IMODE((tmp_path / "client.json").stat().st_mode) == 0o600
