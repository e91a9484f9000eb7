"""A scripted server for the SDK's tests: it answers from a table of routes and remembers what it was asked.

A mock, because these tests are about what the SDK sends; `test_in_process.py` holds it against the real application.
"""

import json
import re

import httpx2

from studyhall.client import Client
from studyhall.transport import Connection

SPACE = {"parameters": [{"name": "x", "type": "float", "low": 0, "high": 1}]}
NOW = "2026-01-01T00:00:00Z"
STUDY = {
    "name": "digits",
    "space": SPACE,
    "objectives": [{"metric": "loss", "goal": "minimize"}],
    "id": "st_1",
    "state": "active",
    "sequence": 5,
    "created_at": NOW,
    "updated_at": NOW,
}
TRIAL = {
    "id": "tr_1",
    "study": "st_1",
    "number": 0,
    "state": "running",
    "parameters": {"x": 0.5},
    "attempt": 1,
    "source": "model",
    "sequence": 6,
    "created_at": NOW,
}
LEASE = {"expires_in_s": 60, "heartbeat_s": 20}
BRIEF = {"id": "st_1", "name": "digits", "objectives": STUDY["objectives"], "seed": 7}
CLAIMED = {"trials": [{"trial": TRIAL, "attempt": 1, "lease": LEASE, "study": BRIEF}]}
GO_ON = {"directive": "continue", "lease": LEASE}
STOP = {"directive": "stop", "reason": "below the median", "lease": LEASE}
SUMMARY = {
    "id": "st_1",
    "name": "digits",
    "state": "active",
    "sequence": 6,
    "trials": {"completed": 3, "running": 1},
    "elapsed_s": 61.0,
    "device_seconds": 1.0,
}


def problem(status, code):
    return status, {"type": "about:blank", "title": code, "status": status, "detail": code, "code": code}


DEFAULTS = {
    "GET /v1/studies/digits": STUDY,
    "GET /v1/studies/st_1": STUDY,
    "GET /v1/studies/st_1/summary": SUMMARY,
    "POST /v1/claims": CLAIMED,
    "POST /v1/trials/tr_1/(measurements|heartbeat)": GO_ON,
    "POST /v1/trials/tr_1/complete": {"trial": TRIAL | {"state": "completed"}},
    "POST /v1/trials/tr_1/(infeasible|fail|release)": TRIAL,
}


class ScriptedServer:
    """Answers `{"METHOD /path-pattern": body | (status, body) | [several, in turn]}`; the last one stays."""

    def __init__(self, routes):
        self.routes = routes | {pattern: answer for pattern, answer in DEFAULTS.items() if pattern not in routes}
        self.requests = []
        self.now_s = 0.0

    def client(self, **options):
        connection = Connection(
            "http://server.test",
            "k",
            transport=httpx2.MockTransport(self._answer),
            sleep=self.sleep,
            clock=lambda: self.now_s,
            chance=lambda: 1.0,
        )
        return Client(connection=connection, worker="w", **options)

    def study(self):
        return self.client().study("digits")

    def sleep(self, pause_s):
        self.now_s += pause_s

    def sent(self, path):
        """The bodies that were sent to a path, in order."""
        return [json.loads(request.content) for request in self.requests if re.fullmatch(path, request.url.path)]

    def _answer(self, request):
        self.requests.append(request)
        pattern = next(p for p in self.routes if re.fullmatch(p, f"{request.method} {request.url.path}"))
        answer = self.routes[pattern]
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        status, body, *headers = answer if isinstance(answer, tuple) else (200, answer)
        content = {"content": b""} if body is None else {"json": body}
        return httpx2.Response(status, headers=dict(*headers), **content)
