"""The one kind of route: strict on what comes in, quick about what goes out, truthful in the OpenAPI document.

An endpoint is `async def verb(context, <path parameters>, [query], [body]) -> Model | None`. FastAPI reads that
signature for the document only; at a request `StrictRoute` does the same work by itself, prepared once: key, scope,
path, query, body, endpoint, bytes. Why: FastAPI's general machinery (dependency graph, exit stacks, a JSON tree between
bytes and model) costs three times as much and takes `true` for 1, "12" for 12 and the last of two equal keys.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, TypeVar

from fastapi import Query
from fastapi.routing import APIRoute
from starlette.responses import JSONResponse, Response
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from app.api.context import ANYONE, Application, Context
from app.api.documented import problem_responses
from app.api.signature import Endpoint, Signature
from app.services.principal import Principal
from app.services.principal import Scope as KeyScope
from studyhall.errors import Forbidden, InvalidInput, StudyhallError

E = TypeVar("E", bound=Endpoint)
Scopes = frozenset[KeyScope]
Header = tuple[bytes, bytes]

OPEN: Final[Scopes] = frozenset()
"""No key is asked for."""
ADMINS: Final[Scopes] = frozenset({"admin"})
USERS: Final[Scopes] = frozenset({"admin", "user"})
READERS: Final[Scopes] = frozenset({"admin", "user", "reader"})
VIEWERS: Final[Scopes] = READERS | {"guest"}
"""Also who has a share link: what is reached so goes by a study or a trial, and `reading.find_*` keeps to one."""
WORKERS: Final[Scopes] = frozenset({"admin", "user", "worker"})
EVERY_KEY: Final[Scopes] = VIEWERS | {"worker"}

_JSON: Final = (b"content-type", b"application/json")
_NOT_STORED: Final = (b"cache-control", b"no-store")
_REVALIDATED: Final = (b"cache-control", b"private, no-cache")


class StrictRoute(APIRoute):
    """A route with a scope.

    Args:
        scopes: the scopes of keys that may use it; there is no default.
        streams: the endpoint reads the body itself, as it comes.
        urgent: it renews or ends a lease: no key has sent too much of it.
        problems: the errors that this route may answer beside those that any may.
        documented: what FastAPI's route takes for the OpenAPI document.
    """

    def __init__(
        self,
        path: str,
        endpoint: Endpoint,
        *,
        method: str,
        scopes: Scopes,
        status: int = 200,
        streams: bool = False,
        urgent: bool = False,
        problems: Sequence[type[StudyhallError]] = (),
        responses: dict[int | str, dict[str, Any]] | None = None,
        **documented: Any,
    ) -> None:
        signature = Signature(path, endpoint)
        usual = problem_responses(
            problems, has_key=bool(scopes), has_path="{" in path, has_body=signature.body is not None
        )
        _mark_query(endpoint)
        super().__init__(
            path,
            endpoint,
            methods=[method],
            response_model=signature.answer,
            status_code=status if signature.answer else 204,
            response_class=JSONResponse if signature.answer else Response,
            responses=usual | (responses or {}),
            operation_id=endpoint.__name__,
            **documented,
        )
        self.scopes = scopes
        self.method = method
        self.app = self.serve
        self._signature = signature
        self._status = status
        self.is_counted = bool(scopes) and not urgent
        self._ignores_body = streams or method in ("GET", "DELETE")

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As Starlette's, without mounts and converters: a third of its time, which counts with fifty routes."""
        found = self.path_regex.match(scope["path"]) if scope["type"] == "http" else None
        if found is None:
            return Match.NONE, {}
        known = scope["method"] == self.method
        return Match.FULL if known else Match.PARTIAL, {"path_params": found.groupdict(), "route": self}

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request that matches, by its method too."""
        api: Application = scope["app"]
        headers: dict[bytes, bytes] = scope["headers_by_name"]
        principal = await self._principal(api, headers, scope) if self.scopes else ANYONE
        context = Context(
            services=api.services,
            authenticator=api.authenticator,
            principal=principal,
            route=self.unique_id,
            path=scope["path"],
            request_id=scope["request_id"],
            headers=headers,
            receive=receive,
        )
        if b"idempotency-key" in headers:
            context.check_idempotency_key()
        arguments = self._signature.read(scope["path_params"], scope["query_string"])
        if not self._ignores_body:
            context.body = await _whole(receive)
            if self._signature.body is not None:
                arguments["body"] = read = self._signature.read_body(context.body)
                scope["attempt"] = getattr(read, "attempt", None)  # for the log
            elif context.body.strip() not in (b"", b"{}"):
                raise InvalidInput("This request takes no body.")
        answer = await self.endpoint(context, **arguments)
        if isinstance(answer, Response):
            await answer(scope, receive, send)
            return
        status, answer_headers, body = self._render(context, answer)
        await send({"type": "http.response.start", "status": status, "headers": answer_headers})
        await send({"type": "http.response.body", "body": body})

    async def _principal(self, api: Application, headers: dict[bytes, bytes], scope: Scope) -> Principal:
        client = scope.get("client")
        principal = await api.authenticator.principal(headers.get(b"authorization"), client[0] if client else "")
        if principal.scope not in self.scopes:
            wanted = " or ".join(f"'{each}'" for each in sorted(self.scopes))
            raise Forbidden(f"A key with the scope '{principal.scope}' may not do this; it takes {wanted}.")
        if self.is_counted:
            api.rates.take(principal.key_id, is_write=self.method != "GET")
        return principal

    def _render(self, context: Context, answer: Any) -> tuple[int, list[Header], bytes]:
        if context.is_known:
            return 304, [_REVALIDATED, *context.answer_headers], b""
        if answer is None:
            return context.status or 204, [_NOT_STORED, *context.answer_headers], b""
        body = self._signature.write(answer)
        length = (b"content-length", str(len(body)).encode())
        kept = _REVALIDATED if context.etag else _NOT_STORED
        return context.status or self._status, [_JSON, length, kept, *context.answer_headers], body


class Routes:
    """The routes of one subject, in the order in which they are matched."""

    def __init__(self, subject: str) -> None:
        self._subject = subject
        self.all: list[StrictRoute] = []

    def get(self, path: str, *, scopes: Scopes, **options: Any) -> Callable[[E], E]:
        """Declares an endpoint that reads."""
        return self._declare("GET", path, scopes, options)

    def post(self, path: str, *, scopes: Scopes, **options: Any) -> Callable[[E], E]:
        """Declares an endpoint that makes something, or moves it."""
        return self._declare("POST", path, scopes, options)

    def patch(self, path: str, *, scopes: Scopes, **options: Any) -> Callable[[E], E]:
        """Declares an endpoint that changes a part of something."""
        return self._declare("PATCH", path, scopes, options)

    def delete(self, path: str, *, scopes: Scopes, **options: Any) -> Callable[[E], E]:
        """Declares an endpoint that removes something."""
        return self._declare("DELETE", path, scopes, options)

    def _declare(self, method: str, path: str, scopes: Scopes, options: dict[str, Any]) -> Callable[[E], E]:
        def register(endpoint: E) -> E:
            route = StrictRoute(path, endpoint, method=method, scopes=scopes, tags=[self._subject], **options)
            self.all.append(route)
            return endpoint

        return register


def _mark_query(endpoint: Endpoint) -> None:
    """Tells FastAPI that a model called `query` is the query; it would take it for a body."""
    model = endpoint.__annotations__.get("query")
    if model is not None:
        endpoint.__annotations__["query"] = Annotated[model, Query()]


async def _whole(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        return body
    parts = [body]
    while message.get("more_body", False):
        message = await receive()
        parts.append(message.get("body", b""))
    return b"".join(parts)
