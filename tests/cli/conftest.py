"""A command line that talks to a scripted server, and knows no other."""

import json

import httpx2
import pytest

from studyhall.cli import main
from tests.sdk.scripted import ScriptedServer


class CommandLine:
    """Runs commands, for a person unless they say otherwise, and keeps what they printed."""

    def __init__(self, server, capsys):
        self.server = server
        self._capsys = capsys
        self.out = self.err = ""

    def __call__(self, *arguments):
        return self.on_a_pipe(*arguments, *([] if "--json" in arguments or "key" in arguments[:1] else ["--text"]))

    def on_a_pipe(self, *arguments):
        transport = httpx2.MockTransport(self.server._answer)
        code = main(list(arguments), transport=transport, patience_s=0)
        self.out, self.err = self._capsys.readouterr()
        return code

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home of this test's own, without a server in its memory and without colours."""
    for name in ("STUDYHALL_URL", "STUDYHALL_KEY", "STUDYHALL_KEY_FILE", "STUDYHALL_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("STUDYHALL_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def command_line(home, monkeypatch, capsys):
    """Makes a command line whose server answers these routes."""
    monkeypatch.setenv("STUDYHALL_URL", "http://server.test")
    monkeypatch.setenv("STUDYHALL_KEY", "k")
    return lambda routes=None: CommandLine(ScriptedServer(routes or {}), capsys)
