"""The catalogue of bad input: what is sent, and what must come back.

Every answer is also held against one rule: no 500, no traceback, SQL, path or secret in it, finite JSON, a problem when
it refuses, within a second; and a refusal changes nothing.
"""

import json
import math
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from studyhall.wire.pages import Problem
from tests.api.people import SPACE, Caller, Hold, Keyring, definition, make_api, make_services

LEAKS = re.compile(
    r"Traceback|\.py\b|sqlite|sqlalchemy|psycopg|SELECT |INSERT |site-packages|hps_[0-9A-Za-z]{8}_", re.IGNORECASE
)
JSON = {"content-type": "application/json"}
OCTETS = {"content-type": "application/octet-stream"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True)
class Case:
    """One line of the catalogue; `body` is sent as it is, or as JSON when it is not bytes."""

    id: str
    body: Any
    status: int | tuple[int, ...] = 422
    code: str | None = "validation"
    pointer: str | None = None
    headers: dict[str, str] = field(default_factory=lambda: JSON)


@pytest.fixture(scope="module")
def keyring() -> Keyring:
    return Keyring()


@pytest.fixture(scope="module")
def client(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, keyring: Keyring) -> Iterator[TestClient]:
    """One API for the whole catalogue: what is refused leaves no trace."""
    database = tmp_path_factory.mktemp("catalogue") / "studyhall.db"
    shutil.copy(migrated_sqlite, database)
    with TestClient(make_api(make_services(f"sqlite:///{database}"), keyring)) as started:
        yield started


@pytest.fixture(scope="module")
def user(client: TestClient, keyring: Keyring) -> Caller:
    return Caller(client, keyring.make("user"))


@pytest.fixture(scope="module")
def worker(client: TestClient, keyring: Keyring) -> Caller:
    return Caller(client, keyring.make("worker"))


@pytest.fixture(scope="module")
def study(user: Caller) -> str:
    return str(user.make_study(name="taken")["id"])


@pytest.fixture
def hold(worker: Caller, study: str) -> Hold:
    return worker.hold(study)


@pytest.fixture
def send(user: Caller, study: str) -> Callable[..., Response]:
    """Sends something and holds the answer against the rule for all answers."""

    def checked(by: Caller, method: str, path: str, **rest: Any) -> Response:
        before = state_of(user)
        began = time.process_time()  # of this process alone: how busy the machine is does not matter
        answer = by(method, path, **rest)
        seconds = time.process_time() - began
        check_rule(answer, seconds)
        if answer.status_code >= 400:
            assert state_of(user) == before
        return answer

    return checked


def state_of(user: Caller) -> Any:
    """Every study with its sequence number, which any write to it or to its trials raises."""
    return user.get("/v1/studies?limit=500").json()["items"]


def check_rule(answer: Response, seconds: float) -> None:
    assert answer.status_code < 500, answer.text
    assert seconds < 1.0
    assert not LEAKS.search(answer.text), answer.text
    assert finite(answer.json()) if answer.content else True
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        problem = Problem.model_validate_json(answer.content)
        assert problem.status == answer.status_code
        assert len(problem.errors) <= 20


def finite(value: Any) -> bool:
    if isinstance(value, dict):
        return all(finite(each) for each in value.values())
    if isinstance(value, list):
        return all(finite(each) for each in value)
    return not isinstance(value, float) or math.isfinite(value)


def expect(case: Case, answer: Response) -> None:
    statuses = case.status if isinstance(case.status, tuple) else (case.status,)
    assert answer.status_code in statuses, answer.text
    if answer.status_code >= 400 and case.code is not None:
        assert answer.json()["code"] == case.code, answer.text
    if case.pointer is not None:
        assert case.pointer in [error["pointer"] for error in answer.json()["errors"]], answer.text


def sent(body: Any) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def space_of(*parameters: Any, **more: Any) -> dict[str, Any]:
    return definition(space={"parameters": list(parameters), **more})


def a_float(**fields: Any) -> dict[str, Any]:
    return {"name": "x", "type": "float", "low": 0.0, "high": 1.0} | fields


def an_int(**fields: Any) -> dict[str, Any]:
    return {"name": "n", "type": "int", "low": 1, "high": 9} | fields


def choices(*values: Any) -> dict[str, Any]:
    return {"name": "c", "type": "categorical", "choices": list(values)}


def raw(fragment: str, value: Any = None) -> bytes:
    """A definition in whose JSON text `"@"` is replaced: what json.dumps would never write."""
    return json.dumps(value or definition(name="raw")).replace('"@"', fragment).encode()


def with_bound(fragment: str) -> bytes:
    return raw(fragment, space_of(a_float(high="@")))


FIRST = "/space/parameters/0"
SPACES = [
    Case("SP-001 empty", space_of(), pointer="/space/parameters"),
    Case("SP-002 low above high", space_of(a_float(low=2.0)), pointer=f"{FIRST}/low"),
    Case("SP-004 one value", space_of(a_float(low=0.5, high=0.5)), 201),
    Case("SP-006 NaN", with_bound("NaN"), 400, "malformed-json"),
    Case("SP-007 Infinity", with_bound("Infinity"), 400, "malformed-json"),
    Case("SP-007 -Infinity", with_bound("-Infinity"), 400, "malformed-json"),
    Case("SP-007 1e400", with_bound("1e400"), 400, "malformed-json"),
    Case("SP-010 'nan'", space_of(a_float(high="nan"))),
    Case("SP-010 '1'", space_of(a_float(high="1"))),
    Case("SP-013 true", space_of(a_float(high=True))),
    Case("SP-013 int true", space_of(an_int(high=True))),
    Case("SP-014 too wide", space_of(a_float(low=-1e308, high=1e308))),
    Case("SP-016 too narrow", space_of(a_float(low=1e16, high=1e16 + 1)), (201, 422)),
    Case("SP-017 log of 0", space_of(a_float(scale="log"))),
    Case("SP-019 log and step", space_of(a_float(low=1.0, high=10.0, scale="log", step=0.5)), (201, 422)),
    Case("SP-020 step 0", space_of(a_float(step=0.0))),
    Case("SP-020 step -1", space_of(a_float(step=-0.1))),
    Case("SP-022 step too long", space_of(a_float(step=2.0))),
    Case("SP-025 beyond 2^53", space_of(an_int(high=2**53 + 1))),
    Case("SP-026 2^63", space_of(an_int(high=2**63))),
    Case("SP-026 5000 digits", raw("9" * 5000, space_of(an_int(high="@"))), 400, "malformed-json"),
    Case("SP-026 4000 digits", raw("9" * 4000, space_of(an_int(high="@"))), (400, 422), None),
    Case("SP-028 int 1.5", space_of(an_int(high=1.5))),
    Case("SP-031 one choice", space_of(choices("a")), 201),
    Case("SP-032 equal choices", space_of(choices("a", "a"))),
    Case("SP-037 choice NaN", raw("NaN", space_of(choices("a", "@"))), 400, "malformed-json"),
    Case("SP-038 100,000 choices", space_of(choices(*range(100_000)))),
    Case("SP-038 more than fit", space_of(choices(*range(200_000))), 413, "payload-too-large"),
    Case("SP-040 10,000 parameters", space_of(*(a_float(name=f"x{n}") for n in range(10_000)))),
    Case("SP-041 one name twice", space_of(a_float(), a_float()), pointer="/space/parameters/1/name"),
    Case("SP-043 no name", space_of(a_float(name=""))),
    Case("SP-044 long name", space_of(a_float(name="x" * 10_000))),
    Case("SP-046 surrogate", raw(r'"\ud800"', space_of(a_float(name="@"))), (400, 422), None),
    Case("SP-047 right to left", space_of(a_float(name="a\u202eb"))),
    Case("SP-049 __proto__", space_of(a_float(name="__proto__")), (201, 422)),
    Case("SP-052 shell", space_of(a_float(name="x; rm -rf /"))),
    Case("SP-055 no type", space_of({"name": "x", "low": 0.0, "high": 1.0})),
    Case("SP-055 strange type", space_of(a_float(type="double"))),
    Case("SP-056 unknown field", space_of(a_float(hgih=2.0))),
    Case("SP-058 null", definition(space=None)),
    Case("SP-058 list", definition(space=[])),
    Case("SP-059 unknown parent", space_of(a_float(when="y == 1"))),
    Case("SP-062 unknown choice", space_of(choices("a", "b"), a_float(when="c == 'z'"))),
    Case("SP-064 code", space_of(a_float(), constraints=["__import__('os').system('true') == 0"])),
    Case("SP-064 call", space_of(a_float(), constraints=["open('/etc/passwd')"])),
    Case("SP-064 power bomb", space_of(a_float(), constraints=["x < 9**9**9**9"]), code=None),
    Case("SP-064 deep", space_of(a_float(), constraints=["(" * 5000 + "x" + ")" * 5000 + " < 1"])),
]

STUDIES = [
    Case("ST-001 no trials", definition(budget={"max_trials": 0}), pointer="/budget/max_trials"),
    Case("ST-002 negative", definition(budget={"max_trials": -5})),
    Case("ST-004 1.5 trials", definition(budget={"max_trials": 1.5})),
    Case("ST-004 true trials", definition(budget={"max_trials": True})),
    Case("ST-007 no seconds", definition(budget={"max_seconds": 0})),
    Case("ST-008 a million retries", definition(retry={"infrastructure": 1_000_000})),
    Case("ST-010 one objective twice", definition(objectives=[{"metric": "a"}, {"metric": "a"}])),
    Case("ST-010 no objective", definition(objectives=[])),
    Case("ST-011 strange goal", definition(objectives=[{"metric": "a", "goal": "max"}])),
    Case("ST-013 strange engine", definition(algorithm={"name": "magic"}), pointer="/algorithm/name"),
    Case("ST-013 strange option", definition(algorithm={"name": "random", "options": {"a": 1}})),
    Case("ST-013 strange stopping rule", definition(stopping={"rule": "magic"})),
    Case("ST-016 taken name", definition(name="taken"), 409, "name-taken"),
    *[Case(f"ST-019 formula {sign}", definition(name=f"{sign}1+1")) for sign in "=+@-"],
    *[Case(f"ST-020 name {name!r}", definition(name=name)) for name in ("", " ", "\u200b", "\t", "a\x00b", "a\nb")],
    Case("ST-022 ten megabytes of labels", definition(labels={"a": "x" * 10_000_000}), 413, "payload-too-large"),
    Case("ST-022 long label", definition(labels={"a": "x" * 300})),
    Case("AU-017 state", definition(state="completed"), pointer="/state"),
    Case("AU-017 project", definition(project="other"), pointer="/project"),
    Case("AU-017 sequence", definition(sequence=7), pointer="/sequence"),
    Case("AU-017 created_at", definition(created_at="2020-01-01T00:00:00Z"), pointer="/created_at"),
    Case("HT-043 CRLF", definition(name="a\r\nSet-Cookie: b=c")),
]

BODIES = [
    Case("HT-001 cut short", b'{"name": "a", "space": {', 400, "malformed-json"),
    Case("HT-002 empty", b"", 400, "malformed-json"),
    Case("HT-002 null", b"null"),
    Case("HT-004 array", b"[]"),
    Case("HT-004 string", b'"study"'),
    Case("HT-004 number", b"1"),
    Case("HT-005 not UTF-8", b'{"name": "\xff\xfe"}', 400, "malformed-json"),
    Case("HT-005 UTF-16", json.dumps(definition()).encode("utf-16"), 400, "malformed-json"),
    Case("HT-005 BOM", b"\xef\xbb\xbf" + json.dumps(definition()).encode(), 400, "malformed-json"),
    Case("HT-008 key twice", b'{"name": "a", "name": "b"}', 400, "malformed-json"),
    Case("HT-008 key twice inside", raw('{"a": "x", "a": "y"}', definition(labels="@")), 400, "malformed-json"),
    Case("HT-010 deep", raw("[" * 40 + "]" * 40, definition(algorithm={"options": {"a": "@"}})), 400, "malformed-json"),
    Case("HT-010 deeper", b"[" * 100_000, 400, "malformed-json"),
    Case("HT-011 surrogate elsewhere", raw(r'"\udfff"', definition(budget={"max_trials": "@"})), (400, 422), None),
    Case("HT-011 surrogate in a key", rb'{"\ud800": 1}', (400, 422), None),
    Case("HT-012 NaN elsewhere", raw("NaN", definition(name="@")), 400, "malformed-json"),
    Case("HT-012 NaN in options", raw("NaN", definition(algorithm={"options": {"a": "@"}})), 400, "malformed-json"),
    Case("HT-013 octets", b"\x00\x01\xff", 415, "unsupported-media-type", headers=OCTETS),
    Case("HT-014 text", definition(), 415, "unsupported-media-type", headers={"content-type": "text/plain"}),
    Case("HT-014 form", b"name=a", 415, "unsupported-media-type", headers=FORM),
    Case("HT-017 gzip", b"\x1f\x8b", 415, "unsupported-media-type", headers=JSON | {"content-encoding": "gzip"}),
    Case("HT-018 20 MB", b" " * 20_000_000, 413, "payload-too-large"),
    Case("TR-008 long key", definition(), 422, "validation", headers=JSON | {"idempotency-key": "x" * 10_000}),
    Case("TR-008 odd key", definition(), 422, "validation", headers=JSON | {"idempotency-key": "a b"}),
]  # fmt: skip


@pytest.mark.parametrize("case", [*SPACES, *STUDIES, *BODIES], ids=lambda case: case.id)
def test_a_bad_study_is_refused(case: Case, send: Callable[..., Response], user: Caller) -> None:
    # More than 16 KiB of headers is another rule.
    headers = {name: value[:9000] for name, value in case.headers.items()}

    answer = send(user, "POST", "/v1/studies", content=sent(case.body), headers=headers)

    expect(case, answer)


TOKEN = "0123456789abcdef"
CLAIM = {"token": TOKEN, "worker": "w-1", "study": "taken", "wait_s": 0}
CLAIMS = [
    Case("TR-002 unknown study", CLAIM | {"study": "nothing"}, 404, "not-found"),
    Case("TR-002 strange study", CLAIM | {"study": "../../etc/passwd\x00"}, (404, 422), None),
    Case("TR-003 none", CLAIM | {"count": 0}, pointer="/count"),
    Case("TR-003 fewer", CLAIM | {"count": -1}),
    Case("TR-003 a million", CLAIM | {"count": 1_000_000}),
    Case("ST-007 lease 0", CLAIM | {"lease_s": 0}),
    Case("ST-007 lease negative", CLAIM | {"lease_s": -60}),
    Case("ST-007 lease 1e9", CLAIM | {"lease_s": 1e9}),
    Case("ST-007 lease NaN", json.dumps(CLAIM | {"lease_s": math.nan}).encode(), 400, "malformed-json"),
    Case("claim waits for ever", CLAIM | {"wait_s": 1e9}),
    Case("claim without a token", {"worker": "w-1"}),
    Case("claim with a short token", CLAIM | {"token": "x"}),
    Case("claim with a strange worker", CLAIM | {"worker": "a b\x00"}),
]


@pytest.mark.parametrize("case", CLAIMS, ids=lambda case: case.id)
def test_a_bad_claim_is_refused(case: Case, send: Callable[..., Response], worker: Caller) -> None:
    expect(case, send(worker, "POST", "/v1/claims", content=sent(case.body), headers=case.headers))


def point(**fields: Any) -> dict[str, Any]:
    return {"measurements": [{"step": 1, "metrics": {"loss": 0.5}} | fields]}


REPORTS = [
    Case("ME-012 step 1.5", point(step=1.5), pointer="/measurements/0/step"),
    Case("ME-012 step '1'", point(step="1")),
    Case("ME-012 step true", point(step=True)),
    Case("ME-012 step -1", point(step=-1)),
    Case("ME-013 step 2^63", point(step=2**63)),
    Case("ME-019 no metrics", point(metrics={})),
    Case("ME-019 no measurements", {"measurements": []}),
    Case("ME-022 one bad", {"measurements": [*point()["measurements"], {"step": 2, "metrics": {"loss": "x"}}]},
         pointer="/measurements/1/metrics/loss"),
    Case("ME-024 script", point(metrics={"<script>alert(1)</script>": 1.0})),
    Case("ME-024 NUL", point(metrics={"a\x00": 1.0})),
    Case("ME-024 long", point(metrics={"a" * 10_000: 1.0})),
    Case("ME-024 200 metrics", point(metrics={f"m{n}": 1.0 for n in range(200)})),
    Case("ME-001 NaN", json.dumps(point(metrics={"loss": math.nan})).encode(), 400, "malformed-json"),
    Case("ME-003 'nan'", point(metrics={"loss": "nan"})),
    Case("ME-004 null", point(metrics={"loss": None})),
    Case("ME-004 true", point(metrics={"loss": True})),
    Case("too many points", {"measurements": [{"step": n, "metrics": {"loss": 0.5}} for n in range(1001)]}),
    Case("TR-032 attempt '1'", point() | {"attempt": "1"}),
    Case("TR-032 attempt 1.0", json.dumps(point() | {"attempt": 1.5}).encode()),
    Case("TR-032 attempt -1", point() | {"attempt": -1}),
    Case("TR-032 attempt 2^63", point() | {"attempt": 2**63}),
    Case("TR-012 no token", point() | {"token": None}, pointer="/token"),
    Case("TR-009 wrong token", point() | {"token": "f" * 32}, 409, "stale-lease"),
    Case("TR-009 wrong attempt", point() | {"attempt": 2}, 409, "stale-lease"),
]  # fmt: skip


@pytest.mark.parametrize("case", REPORTS, ids=lambda case: case.id)
def test_a_bad_report_is_refused(case: Case, send: Callable[..., Response], worker: Caller, hold: Hold) -> None:
    body = with_lease(case.body, hold)

    expect(case, send(worker, "POST", f"{hold.path}/measurements", content=body, headers=case.headers))


def with_lease(body: Any, hold: Hold) -> bytes:
    if isinstance(body, bytes):
        return body.replace(b"{", json.dumps(hold.lease)[:-1].encode() + b", ", 1) if b"attempt" not in body else body
    return json.dumps(hold.lease | body).encode()


ENDS = [
    Case("ME-001 NaN", b'{"metrics": {"loss": NaN}}', 400, "malformed-json"),
    Case("ME-003 'nan'", {"metrics": {"loss": "nan"}}),
    Case("ME-004 null", {"metrics": {"loss": None}}),
    Case("ME-006 1e308", {"metrics": {"loss": 1e308}}, 200),
    Case("ME-007 -1e308", {"metrics": {"loss": -1e308}}, 200),
    Case("ME-006 5e-324", {"metrics": {"loss": 5e-324}}, 200),
    Case("TR-021 no objective", {"metrics": {"accuracy": 1.0}}, pointer="/metrics/loss"),
    Case("TR-021 no metrics", {}),
    Case("unknown field", {"metrics": {"loss": 1.0}, "value": 1.0}, pointer="/value"),
]


@pytest.mark.parametrize("case", ENDS, ids=lambda case: case.id)
def test_a_bad_result_is_refused(case: Case, send: Callable[..., Response], worker: Caller, hold: Hold) -> None:
    body = with_lease(case.body, hold)

    answer = send(worker, "POST", f"{hold.path}/complete", content=body, headers=case.headers)

    expect(case, answer)
    if answer.status_code == 200:
        assert answer.json()["trial"]["metrics"] == case.body["metrics"]


FAILURES = [
    Case("TR-023 ten megabytes", {"kind": "user_error", "message": "x" * 10_000_000}, 413, "payload-too-large"),
    Case("TR-023 17 KiB", {"kind": "user_error", "message": "x" * 17_000}, (200, 422)),
    Case("TR-024 strange kind", {"kind": "gremlins"}, pointer="/kind"),
]


@pytest.mark.parametrize("case", FAILURES, ids=lambda case: case.id)
def test_a_bad_failure_is_refused(case: Case, send: Callable[..., Response], worker: Caller, hold: Hold) -> None:
    expect(case, send(worker, "POST", f"{hold.path}/fail", content=with_lease(case.body, hold), headers=JSON))


QUEUED = [
    Case("TR-026 outside", {"trials": [{"parameters": {"x": 2.0}}]}, pointer="/trials/0/parameters/x"),
    Case("TR-026 unknown", {"trials": [{"parameters": {"y": 2.0}}]}, pointer="/trials/0/parameters/y"),
    Case("TR-026 of another type", {"trials": [{"parameters": {"x": "0.5"}}]}),
    Case("TR-026 true", {"trials": [{"parameters": {"x": True}}]}),
    Case("TR-026 nested", {"trials": [{"parameters": {"x": {"y": 1}}}]}),
    Case("TR-026 none", {"trials": []}),
    Case("TR-026 1,001", {"trials": [{"parameters": {"x": 0.5}}] * 1001}),
    Case("import without a result", {"trials": [{"parameters": {"x": 0.5}, "state": "completed"}]}),
    Case("import running", {"trials": [{"parameters": {"x": 0.5}, "state": "running"}]}),
    Case("a result of a waiting trial", {"trials": [{"parameters": {"x": 0.5}, "metrics": {"loss": 1.0}}]}),
]


@pytest.mark.parametrize("case", QUEUED, ids=lambda case: case.id)
def test_bad_trials_are_refused(case: Case, send: Callable[..., Response], user: Caller, study: str) -> None:
    expect(case, send(user, "POST", f"/v1/studies/{study}/trials", content=sent(case.body), headers=JSON))


PATCHES = [
    Case("ST-023 objectives", {"objectives": [{"metric": "other"}]}, 409, "study-immutable"),
    Case("name", {"name": "other"}, pointer="/name"),
    Case("state", {"state": "completed"}, pointer="/state"),
    Case("ST-025 stale", {"labels": {}}, 412, "version-conflict", headers=JSON | {"if-match": '"1"'}),
    Case("ST-025 nonsense", {"labels": {}}, 412, "version-conflict", headers=JSON | {"if-match": "yesterday"}),
]


@pytest.mark.parametrize("case", PATCHES, ids=lambda case: case.id)
def test_a_bad_change_is_refused(
    case: Case, send: Callable[..., Response], user: Caller, study: str, hold: Hold
) -> None:
    expect(case, send(user, "PATCH", f"/v1/studies/{study}", content=sent(case.body), headers=case.headers))


READS = [
    *[Case(f"HT-028 limit {text}", f"/v1/studies/taken/trials?limit={text}", pointer="/query/limit")
      for text in ("0", "-1", "1000000000", "abc", "", "1e2", "501")],
    *[Case(f"HT-029 cursor {text}", f"/v1/studies/taken/trials?cursor={text}", code="invalid-cursor")
      for text in ("x", "WzFd", "eyJhIjoxfQ", "%27%20OR%201%3D1--", "A" * 900, "W1tbW10=")],
    Case("HT-031 sort by SQL", "/v1/studies/taken/trials?sort=number;DROP%20TABLE%20trials", pointer="/query/sort"),
    Case("HT-031 sort by state", "/v1/studies/taken/trials?sort=state"),
    Case("HT-032 quote", "/v1/studies?name=%27%25_", 200),
    Case("HT-032 label", "/v1/studies/taken/trials?label=%27%3B--%25", 200),
    Case("HT-032 label of a path", "/v1/studies/taken/trials?label=a.b%5B0%5D%22%7D=1", 200),
    Case("strange state", "/v1/studies/taken/trials?state=done", pointer="/query/state/0"),
    Case("negative since", "/v1/studies/taken/trials?since=-1"),
    Case("since 2^63", "/v1/studies/taken/trials?since=9223372036854775808"),
    Case("HT-034 path", "/v1/studies/%ff", 400, "bad-request"),
    Case("HT-034 query", "/v1/studies?name=%ff", 400, "bad-request"),
    Case("NUL in a query", "/v1/studies?name=%00"),
    Case("NUL in a path", "/v1/studies/%00", 404, "not-found"),
    Case("HT-037 trailing slash", "/v1/studies/taken/", 404, "not-found"),
    *[Case(f"HT-038 {path}", path, 404, "not-found")
      for path in ("/dashboard/../../etc/passwd", "/dashboard/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc%2fpasswd",
                   "/dashboard/x/..%2f..%2fassets.py", "/dashboard//etc/passwd")],
    Case("HT-025 long address", "/v1/studies?name=" + "x" * 20_000, 414, "uri-too-long"),
    Case("HT-024 long header", "/v1/studies", 431, "headers-too-large", headers={"x-long": "x" * 100_000}),
    Case("HT-044 html", "/v1/studies/nothing", 404, "not-found", headers={"accept": "text/html"}),
    Case("events after -1", "/v1/studies/taken/events?after=-1"),
    Case("events for ever", "/v1/studies/taken/events?wait_s=1e9"),
    Case("events NaN", "/v1/studies/taken/events?wait_s=nan"),
    Case("unknown trial", "/v1/trials/tr_0", 404, "not-found"),
    Case("not a trial", "/v1/trials/1", 404, "not-found"),
]  # fmt: skip


@pytest.mark.parametrize("case", READS, ids=lambda case: case.id)
def test_a_bad_question_is_refused(case: Case, send: Callable[..., Response], user: Caller, study: str) -> None:
    headers = {} if case.headers is JSON else case.headers

    expect(case, send(user, "GET", case.body, headers=headers))


@pytest.mark.catalogue("HT-035")
def test_the_wrong_method_is_refused(send: Callable[..., Response], user: Caller, study: str) -> None:
    for method in ("PUT", "TRACE", "PROPFIND", "POST"):
        answer = send(user, method, f"/v1/studies/{study}")
        assert (answer.status_code, answer.headers["allow"]) == (405, "DELETE, GET, HEAD, PATCH")


@pytest.mark.catalogue("TR-018")
def test_a_trial_that_was_never_claimed_cannot_be_completed(user: Caller, worker: Caller) -> None:
    study = user.make_study()["id"]
    trial = user.post(f"/v1/studies/{study}/trials", {"trials": [{"parameters": {"x": 0.5}}]}).json()["items"][0]
    body = {"attempt": 1, "token": TOKEN, "metrics": {"loss": 1.0}}

    answer = worker.post(f"/v1/trials/{trial['id']}/complete", body)  # leaves a trace: a refused result is kept

    check_rule(answer, 0.0)
    assert (answer.status_code, answer.json()["code"]) == (409, "stale-lease")


@pytest.mark.catalogue("TR-030")
def test_a_finished_trial_cannot_be_cancelled(
    send: Callable[..., Response], user: Caller, worker: Caller, hold: Hold
) -> None:
    worker.post(f"{hold.path}/complete", hold.lease | {"metrics": {"loss": 1.0}})

    answer = send(user, "POST", f"{hold.path}/cancel", json={})

    assert (answer.status_code, answer.json()["code"]) == (409, "trial-finished")


@pytest.mark.catalogue("ME-015")
def test_a_step_keeps_its_first_value(send: Callable[..., Response], worker: Caller, hold: Hold) -> None:
    worker.post(f"{hold.path}/measurements", hold.lease | point())

    other = send(worker, "POST", f"{hold.path}/measurements", json=hold.lease | point(metrics={"loss": 0.6}))
    same = send(worker, "POST", f"{hold.path}/measurements", json=hold.lease | point())

    assert (other.status_code, other.json()["code"]) == (409, "measurement-conflict")
    assert same.status_code == 200


def test_a_budget_below_what_was_made_is_refused(send: Callable[..., Response], user: Caller, worker: Caller) -> None:
    study = user.make_study(budget={"max_trials": 5})["id"]
    worker.hold(study)
    worker.hold(study)

    answer = send(user, "PATCH", f"/v1/studies/{study}", json={"budget": {"max_trials": 1}})

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/budget/max_trials")


@pytest.mark.catalogue("ST-028")
def test_a_spent_budget_must_be_raised_first(send: Callable[..., Response], user: Caller, worker: Caller) -> None:
    study = user.make_study(budget={"max_trials": 1})["id"]
    hold = worker.hold(study)
    worker.post(f"{hold.path}/complete", hold.lease | {"metrics": {"loss": 1.0}})

    answer = send(user, "POST", f"/v1/studies/{study}/resume")

    assert (answer.status_code, answer.json()["code"]) == (409, "budget-exhausted")


def test_spaces_are_tried_out_by_the_same_rules(send: Callable[..., Response], user: Caller) -> None:
    for case in SPACES:
        if not isinstance(case.body, bytes) and case.code == "validation" and case.status == 422:
            answer = send(user, "POST", "/v1/spaces/validate", json={"space": case.body["space"]})
            assert answer.status_code == 422, case.id
    impossible = SPACE | {"constraints": ["x > 2"]}
    answer = send(user, "POST", "/v1/spaces/validate", json={"space": impossible})
    assert (answer.status_code, answer.json()["code"]) == (422, "space-infeasible")


@pytest.mark.catalogue("AU-029")
def test_the_document_of_the_api_is_open_and_holds_no_secret(client: Any, keyring: Keyring) -> None:
    for path in ("/openapi.json", "/"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert not any(key in answer.text for key in keyring.rows)
        assert not re.search(r"hps_[0-9A-Za-z]{8}_[0-9A-Za-z]{49}|postgresql://\w+:\w+@|/home/|/root/", answer.text)


@pytest.mark.catalogue("AU-030")
def test_health_says_nothing_about_the_inside(client: Any) -> None:
    for path in ("/healthz", "/readyz"):
        assert client.get(path).json() == {"status": "ok"}
