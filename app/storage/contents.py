"""The contents of artifacts: files named by their SHA-256, beside the database.

Each content is there once, however many artifacts have it, and whole or not at all. Several servers share one
directory. Nothing here is ever opened as code.
"""

import asyncio
import hashlib
import os
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from app.storage.connect import sqlite_file

YOUNG_S: Final = 3600.0
"""A content without an artifact is left alone for so long: its record may be on its way."""


def contents_beside(url: str) -> "Contents":
    """The contents that belong to a database: beside its file, or below the working directory."""
    file = sqlite_file(url)
    return Contents((file.parent if file else Path()) / "studyhall-artifacts")


class Content(NamedTuple):
    """A stored content."""

    sha256: str
    size: int


class Contents:
    """A directory of contents.

    Args:
        directory: made when the first content comes.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory.absolute()

    def path(self, sha256: str) -> Path:
        """Where a content is."""
        return self._directory / sha256[:2] / sha256

    async def keep(self, pieces: AsyncIterator[bytes]) -> Content:
        """Writes a content as it comes.

        Raises:
            OSError: it does not fit on the disk.
        """
        # Among the contents, by a name that none has: what a killed server leaves goes as one that nobody has.
        beside = self.path(f"in{uuid.uuid4().hex}")
        await asyncio.to_thread(beside.parent.mkdir, mode=0o700, parents=True, exist_ok=True)
        try:
            content = await keep_in(beside, pieces)
            await asyncio.to_thread(self._name, beside, content.sha256)
        finally:
            beside.unlink(missing_ok=True)
        return content

    def old(self) -> Iterator[str]:
        """The contents that have been here for a while."""
        return (path.name for path in self._directory.glob("??/*") if _is_old(path))

    def forget(self, sha256: str) -> bool:
        """Removes a content; False where it is gone, or has come again meanwhile."""
        path = self.path(sha256)
        is_old = _is_old(path)
        if is_old:
            path.unlink(missing_ok=True)
        return is_old

    def _name(self, beside: Path, sha256: str) -> None:
        """Gives a content its name, also after a power cut."""
        target = self.path(sha256)
        target.parent.mkdir(mode=0o700, exist_ok=True)
        beside.replace(target)
        for directory in (target.parent, self._directory):
            sync(directory)


def sync(path: Path) -> None:
    """Waits until a file, or the names in a directory, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


async def keep_in(path: Path, pieces: AsyncIterator[bytes]) -> Content:
    """Writes a content to a file as it comes, and to the disk."""
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as file:
        async for piece in pieces:
            await asyncio.to_thread(_write, file, digest.update, piece)
            size += len(piece)
        await asyncio.to_thread(os.fsync, file.fileno())
    return Content(digest.hexdigest(), size)


def _is_old(path: Path) -> bool:
    try:
        return path.stat().st_mtime < time.time() - YOUNG_S
    except FileNotFoundError:
        return False


def _write(file: BinaryIO, update: Callable[[bytes], None], piece: bytes) -> None:
    file.write(piece)
    update(piece)
