"""What a trial prints reaches the server: while it runs, to the last word, and without keys."""

import asyncio

import pytest

from tests.workers.conftest import at_work, task
from tests.workers.fake_server import FakeServer
from workers import log_sender
from workers.log_sender import LogSender
from workers.server import Server


def test_all_that_a_trial_printed_is_with_the_server_when_its_worker_has_ended(run_trial):
    trial = run_trial(task("prints_and_fails"))

    assert trial.log == "a line\nand an error\n"


def test_a_running_trials_lines_are_there_before_it_ends(configuration, monkeypatch):
    monkeypatch.setattr(log_sender, "GATHER_S", 0.0)

    async def scene():
        server = FakeServer()
        trial = server.add(task("prints_and_waits"))
        async with at_work(configuration, server):
            await server.until(lambda: "i am here\n" in trial.log)
            still_runs = trial.ending is None
            server.ask_to_stop(trial)
            await server.ended(trial)
        return still_runs

    assert asyncio.run(scene())


async def sent(*outputs: bytes) -> str:
    server = FakeServer()
    trial = server.add(task("prints_and_waits"))
    trial.attempt = 1
    async with Server("http://server.test", None, transport=server.transport) as connection:
        sender = LogSender(connection, trial.id, 1, "token-of-the-lease")
        for output in outputs:
            sender.take(output)
        await sender.finish()
    return trial.log


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("key hps_abcdefgh_0123456789secret ok", "key hps_abcdefgh_… ok"),
        ("postgresql://me:hunter2@db/x", "postgresql://me:…@db/x"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer …"),
        ("\x1b[2Jcleared\x00\u202e", "[2Jcleared"),
        ("10%\r20%\r\ndone", "10%\n20%\ndone"),
    ],
)
def test_keys_and_what_commands_a_terminal_are_left_out(printed, shown):
    assert asyncio.run(sent(printed.encode())) == shown


def test_a_key_and_a_character_in_two_pieces_are_recognised():
    key, wide = b"hps_abcdefgh_0123456789secret\n", "über".encode()

    assert asyncio.run(sent(key[:15], key[15:], wide[:1], wide[1:])) == "hps_abcdefgh_…\nüber"


def test_more_than_the_server_shall_have_waits_nowhere(monkeypatch):
    monkeypatch.setattr(log_sender, "MOST_WAITING", 100)

    assert len(asyncio.run(sent(*[b"x" * 60] * 1000))) == 120
