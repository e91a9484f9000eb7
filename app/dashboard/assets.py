"""The dashboard's files, read once and kept in memory with the headers they must be served with.

`/` is the page itself and is always revalidated. Everything else lives under `/dashboard/DIGEST/`, where the digest is
that of all files together: it may be cached for ever, because another release has another digest, and relative imports
keep the modules of one release together even while an upgrade rolls through several servers.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

STATIC: Final = Path(__file__).parent / "static"

CONTENT_SECURITY_POLICY: Final = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        # A browser that knows trusted types refuses every innerHTML-like sink outright: text can only be set as text.
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
)

_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_MEDIA_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
_INDENTATION: Final = re.compile(rb"^[ \t]+", re.MULTILINE)
_COMMENT: Final = re.compile(rb"^(?://[^\n]*|/\*(?:(?!\*/).)*\*/)$", re.MULTILINE | re.DOTALL)
"""One that has its lines to itself."""
_PLACE: Final = b"ASSETS"
"""Stands in index.html where the folder of this release goes."""
_MODULES: Final = b"<!-- modules -->"
"""Stands where every module is announced: found one import after the other they take several round trips."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it goes over the wire; `etag` is quoted, and `headers` already holds it."""

    body: bytes
    media_type: str
    etag: str
    headers: Mapping[str, str]


def load_assets(directory: Path = STATIC) -> Mapping[str, Asset]:
    """Reads every file of the dashboard.

    Returns: URL path to asset; `/` is the page, the others start with `/dashboard/`.

    Raises:
        KeyError: when a file has a suffix without a media type; it does not belong there.
    """
    files = {path.relative_to(directory).as_posix(): _lean(path) for path in _files(directory)}
    release = _digest(part for name, body in files.items() for part in (name.encode(), body))
    page = files.pop("index.html").replace(_MODULES, _announced(files)).replace(_PLACE, f"dashboard/{release}".encode())
    assets = {
        f"/dashboard/{release}/{name}": _asset(name, body, "public, max-age=31536000, immutable")
        for name, body in files.items()
    }
    return MappingProxyType({"/": _asset("index.html", page, "no-cache"), **assets})


def _files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


def _lean(path: Path) -> bytes:
    """A file without indentation and comments: a fifth of its weight, and of no use. Lines keep their numbers."""
    body = path.read_bytes()
    if path.suffix not in (".js", ".css"):
        return body
    return _COMMENT.sub(lambda comment: b"\n" * comment[0].count(b"\n"), _INDENTATION.sub(b"", body))


def _announced(names: Iterable[str]) -> bytes:
    links = [f'<link rel="modulepreload" href="ASSETS/{name}">' for name in names if name.endswith(".js")]
    return "\n".join(links).encode()


def _asset(name: str, body: bytes, cache_control: str) -> Asset:
    etag = f'"{_digest([body])}"'
    headers = {**_HEADERS, "Cache-Control": cache_control, "ETag": etag}
    return Asset(body, _MEDIA_TYPES[Path(name).suffix], etag, MappingProxyType(headers))


def _digest(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:16]
