"""A keep-alive JSON client over a blocking socket: cheap, since the clients' CPU counts too."""

import json
import socket
from typing import Any


class Client:
    """One connection.

    Args:
        key: the API key.
    """

    def __init__(self, port: int, key: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._head = f"HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's JSON.

        Raises:
            RuntimeError: the answer is a refusal.
        """
        data = b"" if body is None else json.dumps(body).encode()
        self._socket.sendall(f"{method} {path} {self._head}Content-Length: {len(data)}\r\n\r\n".encode() + data)
        buffer = b""
        while (end := buffer.find(b"\r\n\r\n")) < 0:
            buffer += self._more()
        head = buffer[:end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        parts, got = [buffer[end + 4 :]], len(buffer) - end - 4
        while got < length:
            parts.append(self._more())
            got += len(parts[-1])
        if int(head[9:12]) >= 400:
            raise RuntimeError(f"{method} {path}: {head[:12]!r} {b''.join(parts)[:300]!r}")
        return json.loads(b"".join(parts)) if length else None

    def _more(self) -> bytes:
        more = self._socket.recv(1 << 18)
        if not more:
            raise ConnectionError("the server closed the connection")
        return more
