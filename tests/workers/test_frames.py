"""Messages between a worker and its children."""

import asyncio
import socket

import pytest

from workers.frames import MOST_WAITING, Frames, Garbled
from workers.messages import HEADER, MAX_MESSAGE_BYTES, Began, Told, frame


def conversation(scene):
    async def play():
        mine, theirs = socket.socketpair()
        with theirs:
            frames = Frames(mine)
            try:
                return await scene(frames, theirs)
            finally:
                frames.close()

    return asyncio.run(play())


async def all_of(frames):
    found = []
    while (body := await frames.next()) is not None:
        found.append(body)
    return found


def test_messages_come_whole_however_they_were_cut():
    async def scene(frames, theirs):
        for byte in frame(Began(pid=7)) * 2:
            theirs.send(bytes([byte]))
            await asyncio.sleep(0)
        theirs.close()
        return await all_of(frames)

    assert conversation(scene) == [b'{"say":"began","pid":7}'] * 2


def test_the_last_words_of_a_process_that_did_not_listen_are_heard():
    async def scene(frames, theirs):
        frames.send(Told(report=1))
        theirs.sendall(frame(Began(pid=7)))
        theirs.close()  # with our message unread
        frames.send(Told(report=2))
        return await all_of(frames)

    assert conversation(scene) == [b'{"say":"began","pid":7}']


def test_what_is_no_message_is_told_once():
    async def scene(frames, theirs):
        theirs.sendall(HEADER.pack(MAX_MESSAGE_BYTES + 1) + b"x")
        with pytest.raises(Garbled):
            await frames.next()
        return await all_of(frames)

    assert conversation(scene) == []


def test_a_flood_has_to_wait_until_it_is_read():
    async def scene(frames, theirs):
        theirs.setblocking(False)
        sent = 0
        for _ in range(100):
            try:
                while True:
                    theirs.sendall(frame(Told(report=1)) * 100)
                    sent += 1
            except BlockingIOError:
                await asyncio.sleep(0)
        assert frames._waiting.qsize() < MOST_WAITING + 100_000
        assert not frames._is_reading
        while not frames._is_reading:
            await frames.next()
        return sent

    assert conversation(scene)


def test_saying_something_to_nobody_does_no_harm():
    async def scene(frames, theirs):
        theirs.close()
        assert await frames.next() is None
        frames.send(Told(report=1))
        assert await frames.next() is None

    conversation(scene)


def test_a_long_message_is_sent_in_pieces():
    async def scene(frames, theirs):
        theirs.setblocking(False)
        frames.send(b"x" * 5_000_000)
        loop, received = asyncio.get_running_loop(), 0
        while received < 5_000_000:
            received += len(await loop.sock_recv(theirs, 1_000_000))
        return received

    assert conversation(scene) == 5_000_000
