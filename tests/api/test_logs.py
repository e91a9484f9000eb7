"""Log lines: one JSON object each, without secrets."""

import json
import logging
from collections.abc import Callable, Iterator

import pytest
import structlog

from app.api.front_door import REQUEST_ID
from app.logs import configure_logs
from app.services.key_text import make_key

Log = structlog.typing.FilteringBoundLogger


@pytest.fixture
def start() -> Iterator[Callable[[], Log]]:
    """Sets logging up when the test calls it: only then is stderr the one that the test reads."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level

    def configured() -> Log:
        configure_logs("info", "json")
        made: Log = structlog.get_logger("test")
        return made

    yield configured
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def last(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    line = capsys.readouterr().err.splitlines()[-1]
    found: dict[str, object] = json.loads(line)
    return found


def test_a_line_says_what_when_and_of_which_request(start, capsys) -> None:
    log = start()
    REQUEST_ID.set("req_1")
    log.info("refused", status=404)
    REQUEST_ID.set(None)

    line = last(capsys)

    assert (line["event"], line["status"], line["level"], line["request_id"]) == ("refused", 404, "info", "req_1")
    assert str(line["timestamp"]).endswith("Z")


def test_a_text_cannot_begin_a_line_of_its_own(start, capsys) -> None:
    log = start()
    log.info("refused", path='/a\n{"event": "forged"}\u2028x')

    assert last(capsys)["event"] == "refused"


def test_a_key_is_masked_wherever_it_stands(start, capsys) -> None:
    log = start()
    key = make_key()

    log.info("used", key=key.text, header=f"Bearer {key.text}", nested={"url": f"http://x/?key={key.text}"})

    text = capsys.readouterr().err
    assert key.text not in text
    assert key.text[14:30] not in text
    assert f"hps_{key.id}_…" in json.loads(text)["key"]


@pytest.mark.parametrize("name", ["password", "token", "lease_token", "client_secret", "Authorization", "cookie"])
def test_what_is_called_a_secret_is_masked(start, capsys, name: str) -> None:
    log = start()
    log.info("told", **{name: "hunter2"})

    assert "hunter2" not in capsys.readouterr().err


def test_the_password_of_an_address_is_masked(start, capsys) -> None:
    log = start()
    log.info("connecting", url="postgresql://studyhall:hunter2@host/name")

    assert last(capsys)["url"] == "postgresql://studyhall:…@host/name"


def test_a_traceback_shows_no_values(start, capsys) -> None:
    log = start()

    def fail(secret_value: str) -> None:
        raise ValueError("the reason")

    try:
        fail("hunter2")
    except ValueError:
        log.exception("broken")

    text = capsys.readouterr().err
    assert "the reason" in text
    assert '"hunter2"' not in json.loads(text)["exception"].replace('fail("hunter2")', "")


def test_a_long_value_is_cut(start, capsys) -> None:
    log = start()
    log.info("told", reason="x" * 100_000)

    assert len(capsys.readouterr().err) < 2000


def test_libraries_write_the_same_lines(start, capsys) -> None:
    start()
    logging.getLogger("some.package").warning("odd: %s", "Bearer abc.def")

    line = last(capsys)

    assert (line["event"], line["level"]) == ("odd: Bearer …", "warning")
