"""An endpoint's parameters, prepared once: how to read each from a request, and how to write its answer."""

import inspect
import re
from collections.abc import Awaitable, Callable
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl

from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.responses import Response

from app.api.strict_json import read_model
from studyhall.errors import BadRequest, FieldError, InvalidInput, NotFound, field_errors
from studyhall.words import Word

Endpoint = Callable[..., Awaitable[Any]]

_MOST_QUERY_FIELDS: Final = 64
_IN_PATH: Final = re.compile(r"{(\w+)")
_ABSENT: Final = inspect.Parameter.empty


class Signature:
    """What an endpoint takes, by the names of its parameters.

    `context` is the request itself; names that stand in the path are read from there; `query` is a model of the
    query, `body` a model of the body. What it returns is a model, or None, or a response of its own making.
    """

    def __init__(self, path: str, endpoint: Endpoint) -> None:
        hints = get_type_hints(endpoint)
        parameters = inspect.signature(endpoint).parameters
        self.answer: Any = _answer_model(hints.get("return"))
        self.body: type[BaseModel] | None = hints.get("body")
        self._default_body: Any = parameters["body"].default if self.body else _ABSENT
        self._query: type[BaseModel] = hints.get("query", _NoQuery)
        self._many = frozenset(
            name for name, field in self._query.model_fields.items() if get_origin(field.annotation) is tuple
        )
        with_constraints = get_type_hints(endpoint, include_extras=True)
        self._path = {name: TypeAdapter(with_constraints[name]) for name in _IN_PATH.findall(path)}
        self._writer: TypeAdapter[Any] | None = TypeAdapter(self.answer) if self.answer else None

    def read(self, path_values: dict[str, str], query_string: bytes) -> dict[str, Any]:
        """The arguments that stand in the address.

        Raises:
            NotFound: what stands in the path cannot be the id or name of anything.
            InvalidInput, BadRequest: the query does not fit, or cannot be read.
        """
        arguments: dict[str, Any] = {}
        for name, adapter in self._path.items():
            try:
                arguments[name] = adapter.validate_python(path_values[name])
            except ValidationError as error:
                raise _nothing_there(name, error) from None
        if self._query is not _NoQuery:
            arguments["query"] = self._read_query(query_string)
        elif query_string:
            self._read_query(query_string)
        return arguments

    def read_body(self, body: bytes) -> BaseModel:
        """The body as the model that the endpoint takes.

        Raises:
            MalformedRequest, InvalidInput: as `strict_json.read_model`.
        """
        if not body and isinstance(self._default_body, BaseModel):
            return self._default_body
        assert self.body is not None  # noqa: S101  # asked only where there is one
        return read_model(self.body, body)

    def write(self, answer: Any) -> bytes:
        """The JSON of an answer, without absent fields."""
        assert self._writer is not None  # noqa: S101  # an endpoint that returns something says what
        return self._writer.dump_json(answer, exclude_none=True)

    def _read_query(self, query_string: bytes) -> BaseModel:
        values = _query_values(query_string, self._many) if query_string else {}
        try:
            return self._query.model_validate(values, strict=False)  # everything in an address is text
        except ValidationError as error:
            raise InvalidInput(errors=field_errors(error, self._query, prefix=["query"])) from None


def _nothing_there(name: str, error: ValidationError) -> NotFound:
    fault = error.errors(include_url=False, include_input=False)[0]
    match fault["type"]:
        case "literal_error":
            return NotFound(f"There is no such {name}; it is one of {fault['ctx']['expected']}.")
        case "worded":
            return NotFound(f"There is no such {name}: it {fault['msg']}.")
    return NotFound()


class _NoQuery(Word):
    """The query of an endpoint that takes none."""


def _query_values(query_string: bytes, many: frozenset[str]) -> dict[str, Any]:
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_QUERY_FIELDS
        )
    except ValueError:
        raise BadRequest("The query cannot be read; send name=value pairs, percent-encoded UTF-8.") from None
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in many:
            values.setdefault(name, []).extend(value.split(","))
        elif name in values:
            raise InvalidInput(errors=[FieldError(f"/query/{name[:100]}", "given twice")])
        else:
            values[name] = value
    return values


def _answer_model(annotation: Any) -> Any:
    """What is written as JSON: the annotation without None and ready-made responses; None when nothing is left."""
    if get_origin(annotation) not in (Union, UnionType):
        annotation = Union[annotation]  # noqa: UP007  # of one member: the annotation itself
    members = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    models = [
        member
        for member in members
        if member not in (None, type(None)) and not (isinstance(member, type) and issubclass(member, Response))
    ]
    if len(models) > 1:
        raise TypeError(f"an endpoint answers one kind of thing, not {annotation}")
    return models[0] if models else None
