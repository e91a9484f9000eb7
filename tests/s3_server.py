"""A server that speaks as much of S3 as a store of files asks for, with its buckets in memory.

So what a real client library sends is tried, signatures, chunked bodies and all, and no account is needed.
"""

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape, unescape

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


class Thing(NamedTuple):
    """An object of a bucket."""

    content: bytes
    modified: datetime

    @property
    def etag(self) -> str:
        return hashlib.md5(self.content, usedforsecurity=False).hexdigest()


class S3Server(ThreadingHTTPServer):
    """`things` are the objects, by bucket and key with a slash between."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.things: dict[str, Thing] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def environment(self) -> dict[str, str]:
        """What leads any S3 client here."""
        keys = {"AWS_ACCESS_KEY_ID": "tester", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}
        return keys | {"AWS_ENDPOINT_URL": self.url}


@contextmanager
def s3_server() -> Iterator[S3Server]:
    with S3Server() as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        serving.start()
        try:
            yield server
        finally:
            server.shutdown()
            serving.join()


class _Answer(BaseHTTPRequestHandler):
    server: S3Server
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_PUT(self) -> None:
        thing = self.server.things[self._key] = Thing(self._body(), datetime.now(UTC))
        self._send(200, b"", ETag=f'"{thing.etag}"')

    def do_HEAD(self) -> None:
        self._tell_thing()

    def do_DELETE(self) -> None:
        self.server.things.pop(self._key, None)
        self._send(204)

    def do_GET(self) -> None:
        if "list-type" in self._query:
            self._send(200, self._listing())
        else:
            self._tell_thing()

    def do_POST(self) -> None:
        assert "delete" in self._query, self.path
        wanted = [unescape(key) for key in re.findall(r"<Key>(.*?)</Key>", self._body().decode())]
        for key in wanted:
            self.server.things.pop(f"{self._key.partition('/')[0]}/{key}", None)
        told = "".join(f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in wanted)
        self._send(200, f'<DeleteResult xmlns="{NAMESPACE}">{told}</DeleteResult>'.encode())

    @property
    def _key(self) -> str:
        return unquote(urlsplit(self.path).path).strip("/")

    @property
    def _query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.path).query, keep_blank_values=True)

    def _tell_thing(self) -> None:
        thing = self.server.things.get(self._key)
        if thing is None:
            code = "NoSuchKey" if "/" in self._key else "NoSuchBucket"
            self._send(404, f"<Error><Code>{code}</Code><Message>not here</Message></Error>".encode())
            return
        content, about = thing.content, {"ETag": f'"{thing.etag}"', "Accept-Ranges": "bytes"}
        about["Last-Modified"] = thing.modified.strftime("%a, %d %b %Y %H:%M:%S GMT")
        status = 200
        if (wanted := self.headers.get("Range")) is not None:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            end = min(int(last) + 1, len(content)) if last else len(content)
            about["Content-Range"] = f"bytes {first}-{end - 1}/{len(content)}"
            content, status = content[int(first) : end], 206
        self._send(status, content, **about)

    def _listing(self) -> bytes:
        bucket, prefix = self._key.partition("/")[0], self._query.get("prefix", [""])[0]
        delimiter = self._query.get("delimiter", [""])[0]
        found, folders = "", set[str]()
        for name, thing in sorted(self.server.things.items()):
            key = name.removeprefix(f"{bucket}/")
            if key == name or not key.startswith(prefix):
                continue
            rest = key[len(prefix) :]
            if delimiter and delimiter in rest:
                folders.add(prefix + rest.partition(delimiter)[0] + delimiter)
                continue
            found += (
                f"<Contents><Key>{escape(key)}</Key><LastModified>{thing.modified:%Y-%m-%dT%H:%M:%S.000Z}</LastModified>"
                f"<ETag>&quot;{thing.etag}&quot;</ETag><Size>{len(thing.content)}</Size>"
                "<StorageClass>STANDARD</StorageClass></Contents>"
            )
        shared = "".join(
            f"<CommonPrefixes><Prefix>{escape(each)}</Prefix></CommonPrefixes>" for each in sorted(folders)
        )
        about = f"<Name>{bucket}</Name><Prefix>{escape(prefix)}</Prefix><IsTruncated>false</IsTruncated>"
        return f'<ListBucketResult xmlns="{NAMESPACE}">{about}{found}{shared}</ListBucketResult>'.encode()

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            raw = b"".join(iter(self._chunk, b""))
        else:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        return _without_signatures(raw) if "aws-chunked" in self.headers.get("Content-Encoding", "") else raw

    def _chunk(self) -> bytes:
        piece = self.rfile.read(int(self.rfile.readline().partition(b";")[0], 16))
        self.rfile.readline()
        return piece

    def _send(self, status: int, content: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _without_signatures(raw: bytes) -> bytes:
    """The content of a body in pieces that each have their size, and perhaps a signature, before them."""
    found = b""
    while raw:
        head, _, raw = raw.partition(b"\r\n")
        size = int(head.partition(b";")[0] or b"0", 16)
        if size == 0:
            break
        found, raw = found + raw[:size], raw[size + 2 :]
    return found
