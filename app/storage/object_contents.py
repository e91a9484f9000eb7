"""The contents of artifacts in an object store, for servers that share no disk: whatever fsspec can open, such as S3.

A content is on this machine's disk while it comes, since its name is known only at its end, and goes up whole.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from app.storage.contents import YOUNG_S, Content, keep_in
from studyhall.errors import Unavailable

PIECE: Final = 1 << 18


class ObjectContents:
    """Contents below a URL.

    Raises:
        Unavailable: what speaks this kind of URL is not installed.
    """

    def __init__(self, url: str) -> None:
        try:
            import fsspec

            self._files: Any
            self._files, root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise Unavailable(f"artifacts.url={url} cannot be opened: {error}; for S3: pip install 's3fs'") from None
        self._root = str(root).rstrip("/")

    async def keep(self, pieces: AsyncIterator[bytes]) -> Content:
        """Takes a content as it comes, and puts it into the store.

        Raises:
            OSError: it does not fit on the disk, or the store cannot be reached.
        """
        with tempfile.NamedTemporaryFile() as beside:
            content = await keep_in(Path(beside.name), pieces)
            await asyncio.to_thread(self._put, beside.name, content.sha256)
        return content

    def size(self, sha256: str) -> int | None:
        """How long a content is; None where it is not there.

        Raises:
            OSError: the store cannot be reached.
        """
        with _errors_of_the_store():
            try:
                return int(self._files.size(self._place(sha256)))
            except FileNotFoundError:
                return None

    def read(self, sha256: str, start: int, end: int) -> Iterator[bytes]:
        """The bytes from one place up to another, piece by piece."""
        with _errors_of_the_store(), self._files.open(self._place(sha256), "rb") as file:
            file.seek(start)
            while start < end and (piece := file.read(min(PIECE, end - start))):
                start += len(piece)
                yield piece

    def old(self) -> Iterator[str]:
        """The contents that have been here for a while."""
        with _errors_of_the_store():
            self._files.invalidate_cache()
            for path in self._files.find(self._root):
                if self._is_old(path):
                    yield str(path).rpartition("/")[2]

    def forget(self, sha256: str) -> bool:
        """Removes a content; False where it is gone, or has come again meanwhile."""
        place = self._place(sha256)
        with _errors_of_the_store():
            self._files.invalidate_cache()
            is_old = self._is_old(place)
            if is_old:
                self._files.rm_file(place)
        return is_old

    def _is_old(self, place: str) -> bool:
        try:
            return bool(self._files.modified(place).timestamp() < time.time() - YOUNG_S)
        except FileNotFoundError:
            return False

    def _put(self, source: str, sha256: str) -> None:
        with _errors_of_the_store():
            self._files.makedirs(f"{self._root}/{sha256[:2]}", exist_ok=True)
            self._files.put_file(source, self._place(sha256))

    def _place(self, sha256: str) -> str:
        return f"{self._root}/{sha256[:2]}/{sha256}"


@contextmanager
def _errors_of_the_store() -> Iterator[None]:
    """Each protocol has a library with errors of its own; our callers know OSError."""
    try:
        yield
    except (OSError, GeneratorExit):
        raise
    except Exception as error:
        raise OSError(f"{type(error).__name__}: {error}") from error
