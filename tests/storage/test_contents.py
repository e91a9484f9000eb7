"""The contents of artifacts on a disk: whole after a power cut, never lost to those that tidy up."""

import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.storage.contents import YOUNG_S, Contents

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def contents(tmp_path: Path) -> Contents:
    return Contents(tmp_path / "artifacts")


async def pieces(*texts: bytes, broken: bool = False) -> AsyncIterator[bytes]:
    for text in texts:
        yield text
    if broken:
        raise OSError("no space left on device")


def files(directory: Path, pattern: str = "*") -> list[Path]:
    return [path for path in directory.rglob(pattern) if path.is_file()]


def age(directory: Path) -> None:
    """Lets everything here be older than what may still be on its way."""
    for path in directory.rglob("*"):
        os.utime(path, times=(time.time() - 2 * YOUNG_S,) * 2)


async def test_a_content_that_is_kept_is_on_the_disk_with_its_name(
    contents: Contents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[int, int]] = []  # of each fsync: what was synced, and how many contents had a name
    monkeypatch.setattr(
        os, "fsync", lambda file: synced.append((os.fstat(file).st_ino, len(files(tmp_path, "?" * 64))))
    )

    kept = await contents.keep(pieces(b"weights"))

    place = contents.path(kept.sha256)
    assert [named for _, named in synced] == [0, 1, 1]
    assert [inode for inode, _ in synced] == [each.stat().st_ino for each in (place, place.parent, place.parent.parent)]


async def test_a_content_that_comes_again_while_the_old_one_is_looked_at_stays(
    contents: Contents, tmp_path: Path
) -> None:
    kept = await contents.keep(pieces(b"weights"))
    age(tmp_path)
    (old,) = contents.old()
    await contents.keep(pieces(b"weights"))

    assert not contents.forget(old)

    assert contents.path(kept.sha256).read_bytes() == b"weights"
    assert not contents.forget("0" * 64)


async def test_what_a_killed_server_has_left_of_a_content_goes_with_what_nobody_has(
    contents: Contents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as killed:
        killed.setattr(Path, "unlink", lambda *_, **__: None)
        with pytest.raises(OSError, match="no space"):
            await contents.keep(pieces(b"half", broken=True))
    age(tmp_path)

    assert [contents.forget(name) for name in contents.old()] == [True]

    assert files(tmp_path) == []
