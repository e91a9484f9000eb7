"""The server as a process: how it starts, what keeps it from starting, and how it ends."""

import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.__main__ import main
from tests.api.people import definition
from tests.api.test_engine_pool import eventually, is_alive

ROOT = Path(__file__).parents[2]

# Imports of these fail as they would where the packages are not installed.
WITHOUT_SCIENCE = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "numpy", "scipy", "sklearn", "skopt", "ray"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
from app.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


class Server:
    """A server process, and what it said when it was ready."""

    def __init__(self, process: "subprocess.Popen[str]", folder: Path) -> None:
        self.process = process
        self.folder = folder
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("ready http://127.0.0.1:"), line + (folder / "log").read_text()
        self.url = line.split()[1]

    @property
    def key(self) -> str:
        return (self.folder / "key").read_text().strip()

    def client(self) -> httpx2.Client:
        return httpx2.Client(base_url=self.url, headers={"authorization": f"Bearer {self.key}"}, timeout=30)

    def engines(self) -> list[int]:
        found = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False)
        return [int(pid) for pid in found.stdout.split()]

    def stop(self, sig: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(sig)
        return self.process.wait(40)


@contextmanager
def serving(folder: Path, *words: str, program: tuple[str, ...] = ("-P", "-m", "app")) -> Iterator[Server]:
    environment = os.environ | {"STUDYHALL_DATABASE_URL": f"sqlite:///{folder / 'studyhall.db'}"}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, *program, "serve", "--port", "0", "--key-file", str(folder / "key"), *words],
            cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=log, text=True,
        )  # fmt: skip
        try:
            yield Server(process, folder)
        finally:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server"), program=("-P", "-c", WITHOUT_SCIENCE)) as started:
        yield started


def test_it_serves_without_any_science_installed(server: Server) -> None:
    with server.client() as client:
        made = client.post("/v1/studies", json=definition())
        trial = {"token": "0123456789abcdef", "worker": "w", "study": made.json()["id"], "wait_s": 0}

        assert client.post("/v1/claims", json=trial).status_code == 200
        assert client.get("/").status_code == 200


def test_its_first_key_is_written_for_its_owner_alone(server: Server) -> None:
    assert stat.S_IMODE((server.folder / "key").stat().st_mode) == 0o600
    assert server.key not in (server.folder / "log").read_text()


def test_it_is_small_and_starts_quickly(server: Server) -> None:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    megabytes = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024
    times = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    processor_s = (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")

    assert megabytes < 200
    assert processor_s < 4  # two on a machine that is not busy; a figure for benchmarks, here only against accidents


def test_another_server_on_the_same_database_does_not_start(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    answer = run(["serve", "--port", "0"], STUDYHALL_DATABASE_URL=f"sqlite:///{server.folder / 'studyhall.db'}")

    assert answer.returncode == 1
    assert answer.stderr.count("\n") == 1
    assert "another server uses" in answer.stderr


@pytest.mark.catalogue("CF-005")
def test_a_port_in_use_is_said_in_one_line(server: Server, tmp_path: Path) -> None:
    port = server.url.rpartition(":")[2]

    answer = run(["serve", "--port", port], STUDYHALL_DATABASE_URL=f"sqlite:///{tmp_path / 'other.db'}")

    assert answer.returncode == 1
    assert answer.stderr.count("\n") == 1
    assert f"cannot listen at 127.0.0.1:{port}" in answer.stderr


def test_told_to_end_it_answers_those_who_wait_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with serving(tmp_path) as server, server.client() as client:
        study = client.post("/v1/studies", json=definition()).json()["id"]
        engines = server.engines()
        with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=30) as waiting:
            head = f"GET /v1/studies/{study}/events?after=1&wait_s=60 HTTP/1.1\r\nhost: localhost\r\n"
            waiting.sendall(f"{head}authorization: Bearer {server.key}\r\n\r\n".encode())
            client.get("/healthz")

            code = server.stop()

            assert waiting.recv(65536).startswith(b"HTTP/1.1 200")
    assert code == 0
    assert engines
    assert eventually(lambda: not any(is_alive(pid) for pid in engines))
    with sqlite3.connect(tmp_path / "studyhall.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


@pytest.mark.catalogue("CF-024")
def test_told_twice_it_does_not_wait_for_requests_that_do_not_end_and_loses_nothing(tmp_path: Path) -> None:
    with serving(tmp_path) as server, server.client() as client:
        study = client.post("/v1/studies", json=definition()).json()["id"]
        with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=30) as unfinished:
            head = f"POST /v1/studies HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {server.key}\r\n"
            unfinished.sendall(f"{head}content-type: application/json\r\ncontent-length: 99\r\n\r\n{{".encode())
            client.get("/healthz")  # by now the other request is being read
            server.process.send_signal(signal.SIGINT)
            while "going_down" not in (tmp_path / "log").read_text():
                assert server.process.poll() is None

            code = server.stop(signal.SIGINT)

    assert code == 130
    with sqlite3.connect(tmp_path / "studyhall.db") as database:
        assert database.execute("SELECT id FROM studies").fetchall() == [(study,)]
    database.close()


def test_a_database_that_is_there_keeps_its_keys(tmp_path: Path) -> None:
    with serving(tmp_path) as first:
        key = first.key
        first.stop(signal.SIGKILL)

    with serving(tmp_path) as second, second.client() as client:
        assert second.key == key
        assert client.get("/v1/keys").status_code == 200
        assert second.stop(signal.SIGINT) == 130


def run(words: list[str], **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "app", *words],
        cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.catalogue("CF-002", "CF-006")
@pytest.mark.parametrize(
    ("words", "environment", "said"),
    [
        (["serve", "--config", "missing.toml"], {}, "cannot read the configuration, missing.toml"),
        (["serve", "--config", "."], {}, "cannot read the configuration"),
        (["serve", "--config", "empty.toml"], {}, "holds no setting"),
        (["serve", "--config", "binary.toml"], {}, "it is not text"),
        (["serve", "--config", "broken.toml"], {}, "is not TOML"),
        (["serve", "--config", "typo.toml"], {}, "there is no setting 'prot'"),
        (["migrate", "--config", "typo.toml"], {}, "there is no setting 'prot'"),
        (["serve", "--port", "70000"], {}, "setting port"),
        (["serve"], {"STUDYHALL_PORT": "many"}, "setting port"),
        (["serve"], {"STUDYHALL_LIMITS__BODY_BYTES": "0"}, "setting limits.body_bytes"),
        (["serve"], {"STUDYHALL_LIMITS__BODDY": "1"}, "there is no setting 'limits.boddy'"),
        (["serve"], {"STUDYHALL_DATABASE_URL": "mysql://root:hunter2@host/name"}, "setting database_url"),
        (["serve"], {"STUDYHALL_DATABASE_URL_FILE": "missing"}, "STUDYHALL_DATABASE_URL_FILE"),
        (["serve", "--host", "0.0.0.0"], {"STUDYHALL_AUTH__REQUIRED": "false"}, "no keys are asked for"),
        (["serve", "--host", "192.0.2.1"], {"STUDYHALL_AUTH__REQUIRED": "false"}, "no keys are asked for"),
    ],
)
def test_settings_that_cannot_work_are_said_in_one_line(
    words: list[str],
    environment: dict[str, str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.toml").write_text("")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "broken.toml").write_text("port = = 1")
    (tmp_path / "typo.toml").write_text("prot = 1")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    code = main(words)

    told = capsys.readouterr()
    assert code == 2
    assert told.err.count("\n") == 1
    assert said in told.err
    assert "hunter2" not in told.err
    assert told.out == ""


@pytest.mark.catalogue("CF-015")
@pytest.mark.parametrize(
    "words", [["serve", "--database-url", "sqlite:///x"], ["serve", "--key", "hps_x"], ["dance"], []]
)
def test_what_cannot_be_said_on_the_command_line_is_refused(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)

    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "--help'" in told


@pytest.mark.catalogue("CF-014")
def test_a_database_that_cannot_be_written_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STUDYHALL_DATABASE_URL", f"sqlite:///{tmp_path}/file/studyhall.db")

    code = main(["serve", "--port", "0"])

    told = capsys.readouterr().err
    assert (code, told.count("\n")) == (1, 1)
    assert "cannot write" in told


@pytest.mark.catalogue("CF-012")
def test_a_database_of_a_newer_program_is_left_alone(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as database:
        database.execute("UPDATE alembic_version SET version_num = 'm99991231'")
        database.execute("UPDATE schema_floor SET revision = 'm99991231'")  # and takes something away
    database.close()
    monkeypatch.setenv("STUDYHALL_DATABASE_URL", sqlite_url)

    code = main(["migrate"])

    assert code == 1
    assert "newer Studyhall" in capsys.readouterr().err


@pytest.mark.catalogue("CF-008")
def test_a_wrong_password_is_not_repeated(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], unused_port: Any
) -> None:
    monkeypatch.setenv("STUDYHALL_DATABASE_URL", f"postgresql://studyhall:hunter2@127.0.0.1:{unused_port}/studyhall")

    code = main(["migrate"])

    told = capsys.readouterr().err
    assert (code, told.count("\n")) == (1, 1)
    assert "hunter2" not in told


def test_a_database_that_does_not_answer_is_told_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], unused_port: Any
) -> None:
    monkeypatch.setenv("STUDYHALL_DATABASE_URL", f"postgresql://studyhall@127.0.0.1:{unused_port}/studyhall")

    assert main(["migrate"]) == 1

    assert "cannot be opened: connection failed" in capsys.readouterr().err


def test_a_file_that_is_no_database_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("to do: read the manual")
    monkeypatch.setenv("STUDYHALL_DATABASE_URL", f"sqlite:///{tmp_path}/notes.txt")

    assert main(["migrate"]) == 1

    assert capsys.readouterr().err == "migrate: the database cannot be opened: file is not a database\n"


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_whoever_lost_the_admin_key_makes_another(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        refused = run(["admin-key"], STUDYHALL_DATABASE_URL=f"sqlite:///{tmp_path / 'studyhall.db'}")
        server.stop()
    made = run(
        ["admin-key", "--key-file", str(tmp_path / "new")],
        STUDYHALL_DATABASE_URL=f"sqlite:///{tmp_path / 'studyhall.db'}",
    )

    assert (refused.returncode, made.returncode, made.stdout) == (1, 0, "")
    with serving(tmp_path) as server:
        key = (tmp_path / "new").read_text().strip()
        answer = httpx2.get(f"{server.url}/v1/keys", headers={"authorization": f"Bearer {key}"})
    assert [item["name"] for item in answer.json()["items"]] == ["first", "recovery"]
