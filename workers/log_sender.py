"""Sends what an attempt prints to the server while it prints: by lines, bounded, and without keys."""

import asyncio
import codecs
import re
from typing import Final

from studyhall.errors import StudyhallError
from studyhall.wire.outputs import MAX_LOG_PIECE, SendLog
from workers.server import TEMPORARY, Patience, Server

GATHER_S: Final = 1.0
"""Between two pieces: a training that prints all the time costs one request a second."""
LONGEST_LINE: Final = 8192
"""A line that has no end yet waits for it until it is so long: half a key is not recognised."""
MOST_WAITING: Final = 1 << 20
"""Characters that wait for the server; what comes after them stays in the worker's own file."""
LAST_WORDS_S: Final = 5.0
_SECRETS: Final = (
    (re.compile(r"hps_([0-9A-Za-z]{8})_[0-9A-Za-z]+"), r"hps_\1_…"),
    (re.compile(r"(://[^:/@\s]*:)[^@/\s]+@"), r"\1…@"),  # the password of a URL
    (re.compile(r"(?i)(bearer\s+)[^\s\"',]+"), r"\1…"),
)


class LogSender:
    """Takes output as it comes and sends it in pieces.

    Args:
        trial, attempt, token: whose log it is.
    """

    def __init__(self, server: Server, trial: str, attempt: int, token: str) -> None:
        self._server, self._trial, self._attempt, self._token = server, trial, attempt, token
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._waiting = self._clean = ""
        self._sent = 0
        self._news = asyncio.Event()
        self._is_refused = False
        self._sending = asyncio.Lock()

    def take(self, output: bytes) -> None:
        """Takes a piece of output; it never waits."""
        if self._is_refused or len(self._waiting) + len(self._clean) > MOST_WAITING:
            return
        self._waiting += _readable(self._decoder.decode(output))
        self._news.set()

    async def run(self) -> None:
        """Sends until it is cancelled, or the server takes no more."""
        patience = Patience()
        while not self._is_refused:
            await self._news.wait()
            await asyncio.sleep(GATHER_S)
            self._news.clear()
            try:
                async with self._sending:
                    await self._send(whole_lines=True)
                patience = Patience()
            except TEMPORARY as error:
                await patience.pause(error)
                self._news.set()

    async def finish(self) -> None:
        """Sends what is left, if the server is there to take it soon."""
        try:
            async with asyncio.timeout(LAST_WORDS_S), self._sending:
                await self._send(whole_lines=False)
        except (TimeoutError, *TEMPORARY):
            return

    async def _send(self, *, whole_lines: bool) -> None:
        self._redact(whole_lines=whole_lines)
        while self._clean and not self._is_refused:
            piece = self._clean[:MAX_LOG_PIECE]
            told = SendLog(attempt=self._attempt, token=self._token, start=self._sent, text=piece)
            try:
                kept = await self._server.send_log(self._trial, told)
            except TEMPORARY:
                raise
            except StudyhallError:
                self._is_refused = True  # another attempt has begun, or this server keeps no logs
                return
            self._is_refused = kept.full or kept.next <= self._sent
            self._clean, self._sent = self._clean[kept.next - self._sent :], kept.next

    def _redact(self, *, whole_lines: bool) -> None:
        end = len(self._waiting)
        if whole_lines and end < LONGEST_LINE:
            end = self._waiting.rfind("\n") + 1
        text, self._waiting = self._waiting[:end], self._waiting[end:]
        for secret, shown in _SECRETS:
            text = secret.sub(shown, text)
        self._clean += text


def _readable(text: str) -> str:
    """Without what would command a terminal; a progress bar's returns become lines."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(char for char in text if char in "\n\t" or char.isprintable())
