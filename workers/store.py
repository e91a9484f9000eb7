"""Where artifacts and checkpoints stay: a directory that all workers see, or an object store.

    <study>/<number>/<attempt>/<name>              what a trainable chose to keep; study and trial as the API names them
    <study>/<number>/checkpoints/<step>-<attempt>  what a later attempt resumes from

A thing is there whole or not at all: in a directory by a rename, in an object store by a manifest that is written last.
Each attempt writes below names of its own, so that a worker that has lost its lease spoils nothing.
"""

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from studyhall.errors import InvalidInput

MANIFEST = "studyhall-manifest.json"


class Store(Protocol):
    """Keeps files and directories under keys such as `a/b/c`.

    Its methods may take their time, and raise OSError when the place cannot be reached.
    """

    def put(self, key: str, source: Path) -> None:
        """Copies a file or directory here; the same key again replaces it."""

    def get(self, key: str, target: Path) -> None:
        """Copies what is under a key to a path that is not there yet.

        Raises:
            FileNotFoundError: nothing is under the key.
        """

    def names(self, key: str) -> list[str]:
        """What is directly below a key; empty if there is nothing."""

    def remove(self, key: str) -> None:
        """Forgets what is under a key, if anything is."""


def open_store(place: str) -> Store:
    """The store at a path, or at a URL such as `s3://bucket/prefix`.

    Raises:
        InvalidInput: what speaks this kind of URL is not installed.
    """
    return ObjectStore(place) if "://" in place else DirectoryStore(Path(place).absolute())


class DirectoryStore:
    """A directory, on this machine or shared by many."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, key: str, source: Path) -> None:
        """Copies beside, then renames."""
        target = self._root / key
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
        _copy(source, beside)
        remove(target)
        beside.rename(target)

    def get(self, key: str, target: Path) -> None:
        """Copies from here."""
        _copy(self._root / key, target)

    def names(self, key: str) -> list[str]:
        """Lists a directory, without what is still being written."""
        home = self._root / key
        return sorted(path.name for path in home.iterdir() if path.name[0] != ".") if home.is_dir() else []

    def remove(self, key: str) -> None:
        """Deletes."""
        remove(self._root / key)


@contextmanager
def _errors_of_the_place() -> Iterator[None]:
    """Each protocol has a library with errors of its own; whoever keeps something knows OSError."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise OSError(f"{type(error).__name__}: {error}") from error


class ObjectStore:
    """Whatever fsspec can open: S3, GCS, Azure, a web of file servers.

    Raises:
        InvalidInput: what speaks this kind of URL is not installed.
    """

    def __init__(self, url: str) -> None:
        try:
            import fsspec

            self._files: Any
            self._files, root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise InvalidInput(f"the store {url} cannot be opened: {error}") from error
        self._root = str(root).rstrip("/")

    @_errors_of_the_place()
    def put(self, key: str, source: Path) -> None:
        """Uploads file by file; the manifest of a directory comes last."""
        self.remove(key)
        files = sorted(path for path in source.rglob("*") if path.is_file()) if source.is_dir() else [source]
        for path in sorted(files, key=lambda path: path.name == MANIFEST):
            name = path.relative_to(source).as_posix() if source.is_dir() else ""
            remote = f"{self._root}/{key}/{name}".rstrip("/")
            self._files.makedirs(str(PurePosixPath(remote).parent), exist_ok=True)
            self._files.put_file(str(path), remote)

    @_errors_of_the_place()
    def get(self, key: str, target: Path) -> None:
        """Downloads."""
        remote = f"{self._root}/{key}"
        if not self._files.exists(remote):
            raise FileNotFoundError(key)
        if self._files.isfile(remote):
            self._files.get_file(remote, str(target))
            return
        for found in self._files.find(remote):
            path = target / PurePosixPath(found).relative_to(
                remote.lstrip("/") if not found.startswith("/") else remote
            )
            path.parent.mkdir(parents=True, exist_ok=True)
            self._files.get_file(found, str(path))

    @_errors_of_the_place()
    def names(self, key: str) -> list[str]:
        """Lists a prefix."""
        remote = f"{self._root}/{key}"
        self._files.invalidate_cache()
        if not self._files.exists(remote):
            return []
        return sorted({PurePosixPath(found).name for found in self._files.ls(remote, detail=False)})

    @_errors_of_the_place()
    def remove(self, key: str) -> None:
        """Deletes a prefix."""
        remote = f"{self._root}/{key}"
        if self._files.exists(remote):
            self._files.rm(remote, recursive=True)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)


def remove(path: Path) -> None:
    """Deletes a file, or a directory with all that is in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
