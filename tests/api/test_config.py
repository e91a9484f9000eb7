"""Where settings come from, and that each is documented."""

from pathlib import Path

import pytest

from app.__main__ import main
from app.config import ConfigError, each_setting, is_loopback, load_settings, misspelt


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in os.environ:
        if name.startswith("STUDYHALL_"):
            monkeypatch.delenv(name)


def test_the_stronger_source_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "studyhall.toml"
    config.write_text('port = 1\nhost = "127.0.0.2"\nsweep_s = 9.0\n[limits]\nbody_bytes = 1000\nbody_s = 7.0\n')
    monkeypatch.setenv("STUDYHALL_PORT", "2")
    monkeypatch.setenv("STUDYHALL_HOST", "127.0.0.3")
    monkeypatch.setenv("STUDYHALL_LIMITS__BODY_BYTES", "2000")

    settings = load_settings({"port": 3}, config=config)

    assert (settings.port, settings.host, settings.sweep_s) == (3, "127.0.0.3", 9.0)
    assert (settings.limits.body_bytes, settings.limits.body_s, settings.limits.head_s) == (2000, 7.0, 10.0)


def test_a_secret_may_come_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql://studyhall:hunter2@host/name\n")
    monkeypatch.setenv("STUDYHALL_DATABASE_URL_FILE", str(secret))

    settings = load_settings({})

    assert settings.database_url.get_secret_value() == "postgresql://studyhall:hunter2@host/name"
    assert "hunter2" not in repr(settings)


def test_a_variable_that_looks_like_a_setting_is_told_which_one_was_meant() -> None:
    given = {"STUDYHALL_PORTT": "1", "STUDYHALL_LIMITS__BODY_BYTE": "1", "STUDYHALL_KEY_FILE": "key", "PORTT": "1"}

    assert list(misspelt(given)) == [
        ("STUDYHALL_PORTT", "STUDYHALL_PORT"),
        ("STUDYHALL_LIMITS__BODY_BYTE", "STUDYHALL_LIMITS__BODY_BYTES"),
    ]


def test_no_setting_looks_like_another_one() -> None:
    given = {f"STUDYHALL_{name.upper().replace('.', '__')}": "" for name, _, _ in each_setting()}

    assert list(misspelt(given)) == []


def test_several_words_are_given_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDYHALL_HOSTS", "Studyhall.example, 10.0.0.1")

    assert load_settings({}).known_hosts == ("studyhall.example", "10.0.0.1")


def test_a_server_for_this_machine_knows_its_names() -> None:
    assert set(load_settings({}).known_hosts) == {"localhost", "127.0.0.1", "[::1]"}


def test_a_server_for_others_answers_to_any_name_unless_told() -> None:
    assert load_settings({"host": "0.0.0.0"}).known_hosts == ()


def test_a_server_without_keys_stays_on_this_machine() -> None:
    load_settings({"auth": {"required": False}})
    load_settings({"auth": {"required": False, "open_network": True}, "host": "0.0.0.0"})

    for host in ("0.0.0.0", "::", "10.0.0.1", "server.example"):
        with pytest.raises(ConfigError, match="no keys are asked for"):
            load_settings({"auth": {"required": False}, "host": host})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost"])
def test_the_loopback_is_this_machine(host: str) -> None:
    assert is_loopback(host)


def test_what_the_working_directory_holds_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("STUDYHALL_PORT=1\n")
    monkeypatch.chdir(tmp_path)

    assert load_settings({}).port == 8000


def test_other_programs_variables_are_none_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STUDYHALL_HOME", "STUDYHALL_URL", "STUDYHALL_KEY", "STUDYHALL_KEY_FILE"):
        monkeypatch.setenv(name, "/somewhere")

    assert load_settings({}).first_key_file is None


@pytest.mark.parametrize(("name", "_default", "description"), list(each_setting()), ids=lambda value: str(value)[:30])
def test_every_setting_is_documented(name: str, _default: str, description: str) -> None:
    assert description.endswith("."), name
    assert description[0].isupper() or description[0] == "`"


def test_the_page_about_settings_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    main(["settings"])

    page = Path(__file__).parents[2] / "docs" / "settings.md"
    assert capsys.readouterr().out == page.read_text(encoding="utf-8"), (
        "run `python -m app settings > docs/settings.md`"
    )


def test_artifacts_are_in_one_place() -> None:
    with pytest.raises(ConfigError, match=r"give either artifacts\.directory or artifacts\.url"):
        load_settings({"artifacts": {"directory": "/here", "url": "s3://bucket/there"}})
